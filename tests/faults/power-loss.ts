import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { RedisServer } from "../redis/server.ts";

/** How often the log's length is looked at, ms. */
const everyMs = 20;
/** What `everysec` may not have put on the disk yet, ms. */
const unsyncedMs = 1_000;

/** Lets a server end as with its machine's power: what it has written in the last second is not on the disk. */
export class PowerLoss {
  readonly #server: RedisServer;
  readonly #log: string;
  readonly #lengths: { readonly at: number; readonly length: number }[] = [];
  readonly #watching: NodeJS.Timeout;
  /** How long before its end what was written is lost at most, ms; known after it. */
  cutMs = 0;

  constructor(server: RedisServer, dataFolder: string) {
    this.#server = server;
    const folder = join(dataFolder, "appendonlydir");
    this.#log = join(
      folder,
      readdirSync(folder).find((name) => name.endsWith(".incr.aof"))!,
    );
    this.#watching = setInterval(() => this.#look(), everyMs);
    this.#look();
  }

  /** Resolves when the server is gone, and the last second with it; with when that was, by `performance.now`. */
  async strike(): Promise<number> {
    clearInterval(this.#watching);
    const died = performance.now();
    await this.#server.kill();
    const kept = this.#lengths.findLast(({ at }) => at <= died - unsyncedMs) ?? this.#lengths[0]!;
    this.cutMs = died - kept.at + everyMs;
    truncateSync(this.#log, kept.length);
    return died;
  }

  #look(): void {
    this.#lengths.push({ at: performance.now(), length: statSync(this.#log).size });
  }
}
