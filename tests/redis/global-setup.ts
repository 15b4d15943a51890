import type { TestProject } from "vitest/node";
import { findRedis, RedisMissing } from "./find.ts";
import { startRedis } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The run's Redis; undefined when `SKIP_REDIS=1`. */
    readonly redisUrl: string | undefined;
  }
}

/**
 * Gives every test run a Redis: the one that `REDIS_URL` names, else a private server that ends with the run.
 * @throws RedisMissing, which fails the run, unless `SKIP_REDIS=1`
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env["SKIP_REDIS"] === "1") {
    project.provide("redisUrl", undefined);
    return undefined;
  }
  const found = await findRedis().catch((error: unknown) => {
    // Its message is for people, who have no use for where in here it was thrown.
    if (error instanceof RedisMissing) error.stack = error.message;
    throw error;
  });
  if ("url" in found) {
    project.provide("redisUrl", found.url);
    return undefined;
  }
  const server = await startRedis({ binary: found.server });
  project.provide("redisUrl", server.url);
  return () => server.stop();
}
