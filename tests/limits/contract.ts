import * as z from "zod";
import { task } from "taskpact";

const customer = { customer: z.string().default("all") };

/** At most three at a time. */
export const narrow = task({ params: customer, result: z.string(), maxConcurrency: 3 });

/** One at a time for each customer. */
export const single = task({
  params: customer,
  result: z.string(),
  maxConcurrency: 1,
  concurrencyKey: (params) => params.customer,
  retry: { attempts: 3, backoff: { type: "fixed", delayMs: 20 } },
});

/** Five within any 200 ms. */
export const paced = task({ params: customer, result: z.string(), rateLimit: { limit: 5, perMs: 200 } });

/** Without limits, in the same queue. */
export const free = task({ params: customer, result: z.string() });

/** Every tenth of a second, one at a time. */
export const ticking = task({
  params: customer,
  result: z.string(),
  maxConcurrency: 1,
  schedule: { everyMs: 100, overlap: "allow", catchUp: "none" },
});

/** Its key can't be made. */
export const keyless = task({
  params: customer,
  result: z.string(),
  maxConcurrency: 1,
  concurrencyKey: ({ customer }) => {
    throw new Error(`who is ${customer}?`);
  },
});
