import * as z from "zod";
import { task } from "taskpact";

/** Called by itself, ten times a second; every slot counts. */
export const tick = task({
  params: { label: z.string() },
  result: z.string(),
  schedule: { everyMs: 100, overlap: "allow", catchUp: "all", params: { label: "scheduled" } },
});

/** Called by itself once a year. */
export const yearly = task({
  params: {},
  result: z.void(),
  queue: "ticks-seldom",
  schedule: { cron: "0 0 1 1 *", timezone: "Europe/Berlin" },
});

/** Called by nobody but others. */
export const plain = task({ params: {}, result: z.void() });
