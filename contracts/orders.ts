import { task } from "taskpact";
import * as z from "zod";

/** A moment: text on the wire and in forms, a Date for code. */
const Moment = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const Currency = z.enum(["EUR", "GBP", "USD"]);

const Money = z.object({ amount: z.number().nonnegative(), currency: Currency });

const Address = z.object({
  name: z.string().min(1),
  street: z.string().min(1),
  postalCode: z.string().min(1),
  city: z.string().min(1),
  country: z.string().length(2),
});

const Line = z.object({
  sku: z.string().min(1),
  quantity: z.int().positive().default(1),
  giftNote: z.string().max(200).optional(),
});

const Payment = z.discriminatedUnion("method", [
  z.object({ method: z.literal("card"), token: z.string().min(1) }),
  z.object({
    method: z.literal("invoice"),
    dueInDays: z.union([z.literal(14), z.literal(30)]),
    vatId: z.string().nullable(),
  }),
  z.object({ method: z.literal("voucher"), codes: z.array(z.string().min(1)).min(1).max(5) }),
]);

const Order = z.object({
  customer: z.object({ id: z.uuid(), email: z.email() }),
  lines: z.array(Line).min(1),
  shipTo: Address,
  billTo: Address.optional(),
  payment: Payment,
  currency: Currency.default("EUR"),
  deliverAfter: Moment.optional(),
});

const outOfStock = z.object({ sku: z.string(), left: z.int().nonnegative() });

/** Places an order: reserves its goods, takes its payment, and confirms it. */
export const place = task({
  params: { order: Order },
  result: z.object({ id: z.string(), total: Money, placedAt: Moment, deliverAt: Moment }),
  errors: {
    outOfStock,
    paymentRefused: z.object({
      method: z.enum(["card", "invoice", "voucher"]),
      reason: z.string(),
      retryAt: Moment.optional(),
    }),
  },
  progress: z.object({ step: z.enum(["reserving", "charging", "confirming"]), linesDone: z.int(), lines: z.int() }),
  timeoutMs: 60_000,
  retry: { attempts: 3, backoff: { type: "exponential", delayMs: 500, jitter: 0.2 } },
});

/** What an order of these lines would cost, by line and in all; reserves nothing. */
export const quote = task({
  params: { lines: z.array(Line).min(1), currency: Currency.default("EUR") },
  result: z.object({ total: Money, byLine: z.array(Money), validUntil: Moment }),
  errors: { outOfStock },
  runElsewhereAfterStart: true,
});

/** Cancels an order that has not been shipped; `refund` is what goes back. */
export const cancelOrder = task({
  params: { id: z.string().min(1), reason: z.string().max(500).optional() },
  result: z.discriminatedUnion("status", [
    z.object({ status: z.literal("canceled"), refund: Money, canceledAt: Moment }),
    z.object({ status: z.literal("alreadyCanceled"), canceledAt: Moment }),
  ]),
  errors: {
    unknownOrder: z.object({ id: z.string() }),
    alreadyShipped: z.object({ shippedAt: Moment, carrier: z.string() }),
  },
  runElsewhereAfterStart: true,
});
