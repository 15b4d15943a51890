import * as z from "zod";
import { task } from "taskpact";

/*
 * A contract whose handlers do what tests tell them to: each call that is to be held waits at a latch.
 */

export const addition = task({
  params: { a: z.number().default(0), b: z.number().default(0) },
  result: z.number(),
});

export const division = task({
  params: { dividend: z.number(), divisor: z.number() },
  result: z.number(),
  errors: { divisionByZero: z.object({ dividend: z.number() }), rejectedOn: z.object({ day: z.iso.date() }) },
});

/** Waits at the latch of this name, or until its signal aborts; tells where and how it ran. */
export const held = task({
  params: { latch: z.string() },
  result: z.object({ latch: z.string(), fence: z.number(), attempt: z.number(), place: z.string() }),
});

/** As `held`, and may run again in another place. */
export const movable = task({
  params: { fails: z.array(z.string()) },
  result: z.string(),
  runElsewhereAfterStart: true,
});

/** Whatever it is. */
export const anything = task({ params: { value: z.any() }, result: z.any() });

/** Waits in another queue. */
export const elsewhere = task({ params: { text: z.string() }, result: z.string(), queue: "lab-elsewhere" });

/** Calls itself until it is at 0, and there fails as declared. */
export const nested = task({
  params: { depth: z.number() },
  result: z.void(),
  errors: { bottom: z.object({ marked: z.string().transform((text) => `${text}!`) }) },
});

/** Fails so often before it succeeds; answers with the attempt that did. */
export const flaky = task({
  params: { name: z.string(), failures: z.number() },
  result: z.number(),
  retry: { attempts: 3, backoff: { type: "fixed", delayMs: 5 } },
});

/** Fails with what it says of its next attempt, until it is at the last one. */
export const deciding = task({
  params: { name: z.string(), retry: z.any() },
  result: z.number(),
  retry: { attempts: 3, retryOn: [], backoff: { type: "fixed", delayMs: 60_000 } },
});

/** Does what the test says of this act. */
export const acting = task({
  params: { act: z.string(), with: z.any().optional() },
  result: z.any(),
  progress: z.any(),
});

/** By calling itself. */
export const fibonacci = task({ params: { n: z.number() }, result: z.number() });

/** Makes a call of `held` within its own time. */
export const parental = task({ params: { latch: z.string() }, result: z.any() });

/** Ignores its signal and waits at a latch. */
export const stubborn = task({ params: { latch: z.string() }, result: z.void(), attemptTimeoutMs: 60 });

export const nothing = task({ params: {}, result: z.void() });
export const none = task({ params: {}, result: z.null() });

/** Throws what is named: "string", "null", "object", "error", "undeclared", "foreign". */
export const throwing = task({ params: { what: z.string() }, result: z.void() });

/** Answers what does not fit. */
export const lying = task({ params: {}, result: z.number() });

/** Answers with so many characters. */
export const long = task({ params: { length: z.number() }, result: z.string() });

/** Dates travel as text; transforms leave a mark each time they are applied. */
export const day = task({
  params: {
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (date) => date.toISOString() }),
    marked: z.string().transform((text) => `${text}!`),
  },
  result: z.object({ at: z.number(), marked: z.string().transform((text) => `${text}?`) }),
});

/** What MessagePack alone would lose. */
export const rich = task({
  params: {
    value: z.object({
      date: z.date(),
      map: z.map(z.string(), z.set(z.number())),
      big: z.bigint(),
      bytes: z.instanceof(Uint8Array),
      nested: z.object({ maybe: z.string().optional(), absent: z.undefined() }).optional(),
    }),
  },
  result: z.any(),
});

/** Reports so many steps, and goes on counting with each attempt: the first one fails. */
export const twice = task({
  params: { steps: z.number() },
  result: z.number(),
  progress: z.object({ attempt: z.number(), step: z.number().transform((step) => step * 10) }),
  retry: { attempts: 2, backoff: { type: "fixed", delayMs: 1 } },
});

/** Reports, is late, and leaves what reports once more to the lab's `reportAgain`. */
export const late = task({ params: {}, result: z.void() });

/** Holds a lock while it waits at the latch, or until its signal aborts; tells the lock's fence. */
export const locking = task({
  params: { lock: z.string(), latch: z.string(), waitMs: z.number().optional() },
  result: z.number(),
});

/** Holds a lock and goes on for as long as the latch is closed, whatever its signal says. */
export const clinging = task({
  params: { lock: z.string(), latch: z.string() },
  result: z.void(),
  attemptTimeoutMs: 60,
});

/** Locks what it has locked, `inner` within or beside `outer`. */
export const relocking = task({ params: { lock: z.string() }, result: z.any() });

/** Fails once, if told to, and else reports something, each of so many characters. */
export const wordy = task({
  params: { length: z.number(), fails: z.boolean() },
  result: z.number(),
  progress: z.string(),
  retry: { attempts: 2, retryOn: ["failed"], backoff: { type: "fixed", delayMs: 1 } },
});

/** Reports each step, and ends at its latch. */
export const steps = task({
  params: { count: z.number(), latch: z.string() },
  result: z.number(),
  progress: z.object({ step: z.number() }),
});

/** Answers with what a function default gave. */
export const stamped = task({ params: { id: z.string().default(() => `made-${Math.random()}`) }, result: z.string() });
