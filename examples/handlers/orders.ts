import { createHash } from "node:crypto";
import { implementOrders } from "../../generated/index.ts";

/** What the shop sells: its price in euros and what is left. A real one asks its database. */
const catalogue = new Map([
  ["book-1", { price: 12.5, left: 20 }],
  ["mug-7", { price: 8, left: 3 }],
  ["lamp-3", { price: 49.9, left: 1 }],
]);

const rates = { EUR: 1, GBP: 0.85, USD: 1.1 };
const dayMs = 86_400_000;

interface PlacedOrder {
  readonly total: { readonly amount: number; readonly currency: keyof typeof rates };
  canceledAt?: string;
}

/** Orders by their ids. */
const placed = new Map<string, PlacedOrder>();

interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** The first line that can't be served, and what there is instead. */
function missing(lines: readonly Line[]): { sku: string; left: number } | undefined {
  const short = lines.find(({ sku, quantity }) => (catalogue.get(sku)?.left ?? 0) < quantity);
  return short === undefined ? undefined : { sku: short.sku, left: catalogue.get(short.sku)?.left ?? 0 };
}

function priceOf(
  { sku, quantity }: Line,
  currency: keyof typeof rates,
): { amount: number; currency: keyof typeof rates } {
  const amount = (catalogue.get(sku)?.price ?? 0) * quantity * rates[currency];
  return { amount: Math.round(amount * 100) / 100, currency };
}

function totalOf(lines: readonly Line[], currency: keyof typeof rates): PlacedOrder["total"] {
  const cents = lines.reduce((sum, line) => sum + Math.round(priceOf(line, currency).amount * 100), 0);
  return { amount: cents / 100, currency };
}

export const orders = implementOrders({
  place({ order }, { errors, progress, idempotencyKey }) {
    const lines = order.lines.length;
    progress({ step: "reserving", linesDone: 0, lines });
    const short = missing(order.lines);
    if (short !== undefined) throw errors.outOfStock(short);
    progress({ step: "charging", linesDone: lines, lines });
    if (order.payment.method === "voucher" && order.payment.codes.includes("EXPIRED")) {
      throw errors.paymentRefused({ method: "voucher", reason: "the voucher EXPIRED is no longer valid" });
    }
    // The same call, run again after a crash, is the same order.
    const id = createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 12);
    const total = totalOf(order.lines, order.currency);
    placed.set(id, { total });
    progress({ step: "confirming", linesDone: lines, lines });
    const placedAt = new Date();
    const deliverAt = new Date(Math.max(placedAt.getTime() + 2 * dayMs, order.deliverAfter?.getTime() ?? 0));
    return { id, total, placedAt: placedAt.toISOString(), deliverAt: deliverAt.toISOString() };
  },

  quote({ lines, currency }, { errors }) {
    const short = missing(lines);
    if (short !== undefined) throw errors.outOfStock(short);
    return {
      total: totalOf(lines, currency),
      byLine: lines.map((line) => priceOf(line, currency)),
      validUntil: new Date(Date.now() + 7 * dayMs).toISOString(),
    };
  },

  cancelOrder({ id }, { errors }) {
    const order = placed.get(id);
    if (order === undefined) throw errors.unknownOrder({ id });
    if (order.canceledAt !== undefined) return { status: "alreadyCanceled" as const, canceledAt: order.canceledAt };
    order.canceledAt = new Date().toISOString();
    return { status: "canceled" as const, refund: order.total, canceledAt: order.canceledAt };
  },
});
