import { task } from "taskpact";
import * as z from "zod";

/** Waits, without blocking, and answers how long it really took, ms. */
export const asynchronous = task({
  params: { lagMs: z.number().nonnegative().max(60_000) },
  result: z.number(),
});
