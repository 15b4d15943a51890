// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */
// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.
import type {
  Conformance,
  ParamInput,
  Proven,
  ResultOutput,
} from "taskpact/codegen";
import type * as ordersContract from "../contracts/orders.ts";
import type * as paymentsContract from "../contracts/payments.ts";
import type * as shippingContract from "../contracts/shipping.ts";
import type * as stockContract from "../contracts/stock.ts";
import type { OrdersSignatures } from "./orders.ts";
import type { PaymentsSignatures } from "./payments.ts";
import type { ShippingSignatures } from "./shipping.ts";
import type { StockSignatures } from "./stock.ts";

export type OrdersProof = [
  Proven<Conformance<typeof ordersContract.place, OrdersSignatures["place"], (order: ParamInput<typeof ordersContract.place, "order">) => Promise<ResultOutput<typeof ordersContract.place>>>>,
];

export type PaymentsProof = [
  Proven<Conformance<typeof paymentsContract.charge, PaymentsSignatures["charge"], (order: ParamInput<typeof paymentsContract.charge, "order">, customer: ParamInput<typeof paymentsContract.charge, "customer">, cents: ParamInput<typeof paymentsContract.charge, "cents">) => Promise<ResultOutput<typeof paymentsContract.charge>>>>,
  Proven<Conformance<typeof paymentsContract.refund, PaymentsSignatures["refund"], (order: ParamInput<typeof paymentsContract.refund, "order">) => Promise<ResultOutput<typeof paymentsContract.refund>>>>,
  Proven<Conformance<typeof paymentsContract.statement, PaymentsSignatures["statement"], () => Promise<ResultOutput<typeof paymentsContract.statement>>>>,
];

export type ShippingProof = [
  Proven<Conformance<typeof shippingContract.ship, ShippingSignatures["ship"], (order: ParamInput<typeof shippingContract.ship, "order">, country: ParamInput<typeof shippingContract.ship, "country">) => Promise<ResultOutput<typeof shippingContract.ship>>>>,
];

export type StockProof = [
  Proven<Conformance<typeof stockContract.inventory, StockSignatures["inventory"], () => Promise<ResultOutput<typeof stockContract.inventory>>>>,
  Proven<Conformance<typeof stockContract.release, StockSignatures["release"], (order: ParamInput<typeof stockContract.release, "order">) => Promise<ResultOutput<typeof stockContract.release>>>>,
  Proven<Conformance<typeof stockContract.reserve, StockSignatures["reserve"], (order: ParamInput<typeof stockContract.reserve, "order">, lines: ParamInput<typeof stockContract.reserve, "lines">) => Promise<ResultOutput<typeof stockContract.reserve>>>>,
];
