import { task } from "taskpact";
import * as z from "zod";

/** Charges a customer for an order, once: however often it is called, and however often an attempt of it fails. */
export const charge = task({
  params: { order: z.string(), customer: z.string(), cents: z.int().positive() },
  result: z.object({ attempts: z.int() }),
  errors: { paymentDeclined: z.object({ reason: z.string() }) },
  // One at a time for each customer: two orders can't both spend the last of an account.
  maxConcurrency: 1,
  concurrencyKey: ({ customer }) => customer,
  retry: { attempts: 4, backoff: { type: "exponential", delayMs: 50 } },
});

/** Gives back what was charged for an order, if anything. */
export const refund = task({ params: { order: z.string() }, result: z.void(), retry: { attempts: 4 } });

/** What came in and went out, in the order of time. */
export const statement = task({
  params: {},
  result: z.array(z.object({ order: z.string(), customer: z.string(), cents: z.int() })),
});
