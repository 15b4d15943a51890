import { setTimeout as sleep } from "node:timers/promises";
import type { Halts } from "./halts.ts";
import type { Random } from "./random.ts";
import type { FaultTasks } from "./tasks.ts";

/** Awaited calls with deadlines, of which it is told how far beyond them any was settled. */
export class Deadlines {
  readonly #tasks: FaultTasks;
  readonly #random: Random;
  readonly #open = new Set<Promise<boolean>>();
  count = 0;
  /** Calls that were not answered, by their code. */
  readonly codes = new Map<string, number>();
  readonly #loop: Halts;
  #worst = 0;

  constructor(tasks: FaultTasks, random: Random, loop: Halts) {
    this.#tasks = tasks;
    this.#random = random;
    this.#loop = loop;
  }

  /** How long the one that was the latest took beyond its deadline, as far as this event loop ran meanwhile, ms. */
  get worstMs(): number {
    return Math.round(this.#worst);
  }

  /** Makes a call; resolves with whether it was answered. */
  wait(timeoutMs: number): Promise<boolean> {
    const waiting = this.#wait(timeoutMs).finally(() => this.#open.delete(waiting));
    this.#open.add(waiting);
    return waiting;
  }

  /** Makes calls of all kinds of patience until it is told to stop; resolves when all have ended. */
  async trickle(enough: () => boolean): Promise<void> {
    while (!enough()) {
      void this.wait(this.#random.pick([50, 200, 1_000, 3_000]));
      await sleep(this.#random.between(5, 60));
    }
    await Promise.all(this.#open);
  }

  async #wait(timeoutMs: number): Promise<boolean> {
    this.count++;
    const begun = performance.now();
    const answer = await this.#tasks.with({ timeoutMs }).safe.work(1, this.#random.between(1, 20));
    const due = begun + timeoutMs;
    const late = performance.now() - due;
    if (late > 0) this.#worst = Math.max(this.#worst, late - this.#loop.haltedSince(due));
    if (!answer.ok) this.codes.set(answer.error.code, (this.codes.get(answer.error.code) ?? 0) + 1);
    return answer.ok;
  }
}
