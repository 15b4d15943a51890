import { task } from "taskpact";
import * as z from "zod";

/** Of a station in a month: what is enough to make a mean of, with others of its kind. */
const Summary = z.object({
  station: z.string(),
  month: z.int(),
  count: z.int(),
  sum: z.number(),
  least: z.number(),
  most: z.number(),
});

/** Finds where a file can be cut into chunks: between lines, some `chunkBytes` apart. */
export const cut = task({
  params: { file: z.string(), chunkBytes: z.int().positive() },
  result: z.array(z.object({ file: z.string(), from: z.int(), to: z.int() })),
});

/** Sums up the readings of a chunk. That computes, and so runs in a thread: the worker's event loop stays free for all else. */
export const sumUp = task({
  params: { file: z.string(), from: z.int(), to: z.int() },
  result: z.object({ readings: z.int(), summaries: z.array(Summary) }),
  attemptTimeoutMs: 20_000,
  cpu: true,
  retry: { attempts: 3 },
});
