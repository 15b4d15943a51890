import { task } from "taskpact";
import * as z from "zod";

/** Makes a report of measurements: reads all files in chunks, many at a time, and draws what they say. */
export const report = task({
  params: {
    folder: z.string(),
    chunkBytes: z
      .int()
      .positive()
      .default(512 * 1024),
  },
  result: z.object({ page: z.string(), readings: z.int(), chunks: z.int(), stations: z.int() }),
  progress: z.object({ step: z.enum(["listing", "reading", "drawing"]), current: z.int(), total: z.int() }),
  errors: { nothingToRead: z.object({ folder: z.string() }) },
  timeoutMs: 300_000,
});

/** Draws a page with a chart. @returns the path of the page */
export const draw = task({
  params: {
    folder: z.string(),
    months: z.array(
      z.object({
        station: z.string(),
        month: z.int().min(1).max(12),
        count: z.int(),
        mean: z.number(),
        least: z.number(),
        most: z.number(),
      }),
    ),
  },
  result: z.string(),
});
