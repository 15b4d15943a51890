/** The published scripts, loaded as docs/protocol.md tells ("Scripts"). Nothing of Taskpact is imported here. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

type Argument = string | number | Buffer;

/** The scripts as they were first published, of which old workers and clients still run those: see versions.test.ts. */
export const firstScripts = new URL("./first-scripts/", import.meta.url);

/** Runs a queue's scripts on a connection. */
export class Published {
  readonly #redis: Redis;
  readonly #namespace: string;
  readonly #folder: URL;

  constructor(redis: Redis, namespace: string, folder = new URL("../../docs/scripts/", import.meta.url)) {
    this.#redis = redis;
    this.#namespace = namespace;
    this.#folder = folder;
  }

  /** A key of a queue. */
  key(queue: string, name: string): string {
    return `${this.#namespace}:{${queue}}:${name}`;
  }

  /** The first argument of every script is there for tests: 0. */
  async run(script: string, queue: string, args: readonly Argument[]): Promise<unknown> {
    const lua = readFileSync(new URL(`${script}.lua`, this.#folder));
    const sha = createHash("sha1").update(lua).digest("hex");
    const rest = [1, this.key(queue, "queue"), 0, ...args];
    try {
      return await this.#redis.callBuffer("EVALSHA", [sha, ...rest]);
    } catch (error) {
      if (!String(error).includes("NOSCRIPT")) throw error;
      await this.#redis.script("LOAD", lua);
      return this.#redis.callBuffer("EVALSHA", [sha, ...rest]);
    }
  }
}
