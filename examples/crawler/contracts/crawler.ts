import { task } from "taskpact";
import * as z from "zod";

/** Reads a page: where it leads to. A page is asked for five times within 500 ms at the most, on each host. */
export const page = task({
  params: { url: z.url() },
  result: z.object({ title: z.string(), links: z.array(z.string()) }),
  errors: { missing: z.object({ status: z.int() }) },
  rateLimit: { limit: 5, perMs: 500, key: ({ url }) => new URL(url).host },
  attemptTimeoutMs: 5_000,
  retry: { attempts: 4, backoff: { type: "exponential", delayMs: 200, jitter: 0.2 } },
});

/** Reads which paths a host wants no robot to ask for. */
export const robots = task({
  params: { origin: z.url() },
  result: z.object({ disallowed: z.array(z.string()) }),
  retry: { attempts: 4 },
});

/**
 * Follows links from a page, so many deep and on some hosts alone, and tells which lead nowhere. Crawls of the same name share
 * what they read: a page is read once, whoever finds it, also by a crawl that begins again because its worker died.
 */
export const crawl = task({
  params: { name: z.string(), start: z.url(), hosts: z.array(z.string()), depth: z.int().min(0).default(10) },
  result: z.object({
    pages: z.int(),
    links: z.int(),
    kept: z.array(z.string()),
    broken: z.array(z.object({ url: z.string(), status: z.int(), on: z.string() })),
  }),
  progress: z.object({ pages: z.int(), found: z.int() }),
  timeoutMs: 120_000,
});
