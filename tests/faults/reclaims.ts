import { setTimeout as sleep } from "node:timers/promises";
import { machineMs } from "./journal.ts";
import type { Stage } from "./stage.ts";
import { queue } from "./tasks.ts";

/** How long the leases of workers that were killed outlive them. */
export class Reclaims {
  readonly #stage: Stage;
  readonly #queues: readonly string[];
  readonly #killed = new Map<string, number>();
  readonly #lastHeld = new Map<string, number>();
  #over = false;
  readonly #watching: Promise<void>;

  constructor(stage: Stage, queues: readonly string[] = [queue]) {
    this.#stage = stage;
    this.#queues = queues;
    this.#watching = this.#watch();
    this.#watching.catch(() => undefined); // Told by `stop`.
    stage.run.defer(() => this.stop());
  }

  /** A worker, by its name among the workers, is killed now. */
  killed(worker: string): void {
    this.#killed.set(worker, machineMs());
  }

  /** The longest time from a worker's death until the last of its leases was taken back, ms. */
  get worstMs(): number {
    return Math.round(Math.max(0, ...[...this.#lastHeld].map(([worker, at]) => at - this.#killed.get(worker)!)));
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#over && !this.#stage.run.over.aborted) {
      for (const name of this.#queues) {
        const asked = machineMs();
        // Before the ids of a claim's leases stands who made it: a zero byte, the worker, a blank and a token.
        const members = await this.#stage.redis.zrange(this.#stage.key("leases", name), "0", "-1");
        for (const maker of members) {
          if (!maker.startsWith("\0")) continue;
          const worker = maker.slice(1).split(" ")[0]!;
          if (this.#killed.has(worker)) this.#lastHeld.set(worker, asked);
        }
      }
      await sleep(20);
    }
  }
}
