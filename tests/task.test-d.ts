/* What `task` tells those who misuse it, at the type level. Checked by tsc. */
import { task } from "taskpact";
import * as mini from "zod/mini";
import * as z from "zod";

const good = { params: { a: z.number() }, result: z.string() };

task(good);
task({ params: { a: mini.number() }, result: mini.string() });
task({
  ...good,
  errors: { full: z.object({ left: z.number() }) },
  progress: z.number(),
  keepRequest: true,
  tags: ["a"],
});

// The parts keep their types.
const declared = task({ params: { a: z.number().default(0) }, result: z.void(), errors: { full: z.null() } });
declared.params.a satisfies z.ZodDefault<z.ZodNumber>;
declared.errors.full satisfies z.ZodNull;
// @ts-expect-error there is no such error
void declared.errors.empty;

// @ts-expect-error "params takes the bare shape: write { a: z.number() }, not z.object({ a: z.number() })"
task({ params: z.object({ a: z.number() }), result: z.string() });
// @ts-expect-error a parameter must be a schema
task({ params: { a: 3 }, result: z.string() });
// @ts-expect-error the call is missing
task({ params: {}, result: z.string });
// @ts-expect-error result is needed
task({ params: {} });
// @ts-expect-error no such option: timeoutMs
task({ params: {}, result: z.string(), timeoutMS: 5 });
// @ts-expect-error no such policy
task({ params: {}, result: z.string(), policy: "local" });
// @ts-expect-error no such code
task({ params: {}, result: z.string(), retry: { attempts: 3, retryOn: ["oops"] } });

// Keys of limits are functions of the parsed params.
const charge = { params: { customer: z.string(), cents: z.number().default(0) }, result: z.void() };
task({ ...charge, maxConcurrency: 2, concurrencyKey: ({ customer }) => customer.toUpperCase() });
task({ ...charge, rateLimit: { limit: 10, perMs: 1_000, key: ({ cents }) => cents.toFixed() } });
task({ ...charge, rateLimit: { limit: 10, perMs: 1_000 }, maxConcurrency: undefined });
// @ts-expect-error there is no such parameter
task({ ...charge, maxConcurrency: 2, concurrencyKey: ({ tenant }) => tenant });
// @ts-expect-error a key is a string or a number
task({ ...charge, maxConcurrency: 2, concurrencyKey: ({ customer }) => ({ customer }) });
// @ts-expect-error perMs is missing
task({ ...charge, rateLimit: { limit: 10 } });

// A schedule takes params exactly when the task has required ones, and of their types.
const table = { params: { table: z.string(), days: z.number().default(7) }, result: z.void() };
const everyHour = { everyMs: 3_600_000 };
task({ params: {}, result: z.void(), schedule: { cron: "0 3 * * *", timezone: "Europe/Berlin", catchUp: "none" } });
task({ params: { days: z.number().default(7) }, result: z.void(), schedule: everyHour });
task({ params: { days: z.number().default(7) }, result: z.void(), schedule: { everyMs: 5, params: { days: 3 } } });
task({ ...table, schedule: { everyMs: 5, jitterMs: 2, overlap: "allow", params: { table: "logs" } } });
task({ ...table, schedule: { everyMs: 5, startAt: new Date(), endAt: undefined, params: { table: "logs", days: 1 } } });
// @ts-expect-error table is missing
task({ ...table, schedule: { everyMs: 5, params: { days: 1 } } });
// @ts-expect-error params are missing
task({ ...table, schedule: { everyMs: 5 } });
// @ts-expect-error days is a number
task({ ...table, schedule: { everyMs: 5, params: { table: "logs", days: "1" } } });
// @ts-expect-error there is no such parameter
task({ ...table, schedule: { everyMs: 5, params: { table: "logs", hours: 1 } } });
// @ts-expect-error it has no params
task({ params: {}, result: z.void(), schedule: { everyMs: 5, params: { table: "logs" } } });
// @ts-expect-error everyMs or cron
task({ params: {}, result: z.void(), schedule: { everyMs: 5, cron: "0 3 * * *" } });
// @ts-expect-error everyMs or cron
task({ params: {}, result: z.void(), schedule: { timezone: "Europe/Berlin" } });
// @ts-expect-error a timezone goes with cron
task({ params: {}, result: z.void(), schedule: { everyMs: 5, timezone: "Europe/Berlin" } });

task({ params: {}, result: z.void(), cpu: true });
task({ params: {}, result: z.void(), cpu: "process" });
// @ts-expect-error a thread is `true`
task({ params: {}, result: z.void(), cpu: "thread" });
