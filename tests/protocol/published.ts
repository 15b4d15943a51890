/** The published scripts, loaded as docs/protocol.md tells ("Scripts"). Nothing of Taskpact is imported here. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";

type Argument = string | number | Buffer;

/** Runs a queue's scripts on a connection. */
export class Published {
  readonly #redis: Redis;
  readonly #namespace: string;

  constructor(redis: Redis, namespace: string) {
    this.#redis = redis;
    this.#namespace = namespace;
  }

  /** A key of a queue. */
  key(queue: string, name: string): string {
    return `${this.#namespace}:{${queue}}:${name}`;
  }

  /** The first argument of every script is there for tests: 0. */
  async run(script: string, queue: string, args: readonly Argument[]): Promise<unknown> {
    const lua = readFileSync(new URL(`../../docs/scripts/${script}.lua`, import.meta.url));
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
