import { task } from "taskpact";
import * as z from "zod";

const Order = z.object({
  number: z.string().min(1),
  customer: z.string().min(1),
  country: z.string().length(2),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive() })).min(1),
});

/**
 * Places an order: reserves its goods, charges the customer, ships. What was done before a step that fails is undone.
 * Whoever calls it under the order's number, `with({ id })`, may do so twice.
 */
export const place = task({
  params: { order: Order },
  result: z.object({ cents: z.int(), parcel: z.string() }),
  errors: {
    outOfStock: z.object({ sku: z.string(), left: z.int() }),
    paymentDeclined: z.object({ reason: z.string() }),
    notDeliverable: z.object({ country: z.string() }),
  },
  progress: z.object({ step: z.enum(["reserving", "charging", "shipping", "undoing"]) }),
  // Should a step fail for another reason than a declared one: all of them may be repeated …
  retry: { attempts: 3, backoff: { type: "exponential", delayMs: 200, jitter: 0.2 } },
  // … and if that is of no use, somebody repairs the cause and replays the order (docs: parked calls).
  keepRequest: true,
});
