import { task } from "taskpact";
import * as z from "zod";

/** Adds two numbers. */
export const addition = task({
  params: { a: z.number().default(0), b: z.number().default(0) },
  result: z.number(),
});

/** Subtracts the second number from the first. */
export const subtraction = task({
  params: { minuend: z.number(), subtrahend: z.number() },
  result: z.number(),
});

/** Divides one number by another. */
export const division = task({
  params: { dividend: z.number(), divisor: z.number() },
  result: z.number(),
  errors: { divisionByZero: z.object({ dividend: z.number() }) },
  attemptTimeoutMs: 5_000,
  retry: { attempts: 3, backoff: { type: "exponential", delayMs: 200, jitter: 0.2 } },
});
