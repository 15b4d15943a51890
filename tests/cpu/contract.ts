import { task } from "taskpact";
import * as z from "zod";

const deed = z.enum(["nothing", "spin", "exit", "throwLater", "fillMemory", "kill", "abort", "heed", "dieLater"]);

/** Does something in a thread that a handler should not. */
export const inThread = task({
  params: { deed, name: z.string().default("") },
  result: z.string(),
  attemptTimeoutMs: 60_000,
  cpu: true,
});

export const inProcess = task({
  params: { deed, name: z.string().default("") },
  result: z.string(),
  attemptTimeoutMs: 60_000,
  cpu: "process",
});

/** Gives back what it got. */
export const rich = task({
  params: { value: z.unknown(), day: z.date().transform((at) => at.getTime()), many: z.number().default(3) },
  result: z.unknown(),
  cpu: true,
});

/** What its context is. */
export const told = task({
  params: {},
  result: z.record(z.string(), z.unknown()),
  errors: { odd: z.object({ at: z.date(), size: z.bigint() }) },
  progress: z.object({ step: z.number() }),
  cpu: true,
});

export const fails = task({
  params: {
    how: z.enum([
      "declared",
      "thrown",
      "lying",
      "uncarried",
      "foreverProgress",
      "largeProgress",
      "wish",
      "nested",
      "dependent",
    ]),
  },
  result: z.number(),
  errors: { odd: z.object({ at: z.date(), size: z.bigint() }) },
  progress: z.object({ text: z.string() }),
  cpu: "process",
});

/** Fails by dying until its last attempt. */
export const mends = task({
  params: { deaths: z.number() },
  result: z.number(),
  retry: { attempts: 3, backoff: { type: "fixed", delayMs: 0 } },
  cpu: "process",
});

/** Runs in the event loop of whoever has it. */
export const plain = task({ params: {}, result: z.number() });

/** Waits in the queue of tasks that are not like it. */
export const among = task({ params: { text: z.string() }, result: z.string(), queue: "cpu-lab", cpu: true });
