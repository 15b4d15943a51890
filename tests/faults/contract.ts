import * as z from "zod";
import { task } from "taskpact";

/*
 * What workers under faults are asked to do. Every answer says which run it is of.
 */

const answer = z.object({ number: z.number(), attempt: z.number(), fence: z.number(), pid: z.number() });

/** Takes as long as it is told, and ends early if its signal is aborted. */
export const work = task({ params: { number: z.number(), lastsMs: z.number() }, result: answer });

/** The same, of another queue: a worker of two queues waits for the bell and claims in two steps. */
export const errand = task({
  params: { number: z.number(), lastsMs: z.number() },
  result: answer,
  queue: "faults-errands",
});

/** The same, and doesn't heed its signal. */
export const stubborn = task({ params: { number: z.number(), lastsMs: z.number() }, result: answer });

/** Blocks the event loop for so long. */
export const block = task({ params: { number: z.number(), blocksMs: z.number() }, result: answer });

/** Fails so often before it succeeds. */
export const flaky = task({
  params: { number: z.number(), failures: z.number() },
  result: answer,
  retry: { attempts: 5, backoff: { type: "fixed", delayMs: 200 } },
});

/** Ends the process that runs it. */
export const poison = task({ params: {}, result: answer });

/** Gives back what it is given. */
export const echo = task({ params: { value: z.any() }, result: z.any() });
