import { orders } from "./handlers/orders.ts";
import { payments } from "./handlers/payments.ts";
import { shipping } from "./handlers/shipping.ts";
import { stock } from "./handlers/stock.ts";

/** All that the shop's worker runs. Each of the four might as well have a worker of its own. */
export const implementations = [orders, payments, shipping, stock];
