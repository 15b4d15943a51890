import { task } from "taskpact";
import * as z from "zod";

/** Closes the books of the day before: at half past two in Berlin, where one night a year has no such time, and one has it twice. */
export const closeDay = task({
  params: { shop: z.string() },
  result: z.object({ day: z.iso.date(), orders: z.int(), cents: z.int() }),
  // After a time without workers, the last night missed is enough: it finds all days that are open.
  schedule: { cron: "30 2 * * *", timezone: "Europe/Berlin", catchUp: "last", params: { shop: "berlin" } },
  retry: { attempts: 5, backoff: { type: "exponential", delayMs: 60_000 } },
  // Who looks in the morning finds its answer.
  resultTtlMs: 7 * 86_400_000,
});

/** Forgets sessions that are older than an hour, four times a day. */
export const forgetSessions = task({
  params: {},
  result: z.object({ forgotten: z.int() }),
  schedule: { everyMs: 6 * 3_600_000, catchUp: "none" },
});
