import { setTimeout as sleep } from "node:timers/promises";
import type { Expected } from "./oracle.ts";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";
import { errands, type FaultTasks, queue } from "./tasks.ts";

/** How long a call may take, faults and all, ms. */
const patienceMs = 15 * 60_000;

/** The calls of a case: half of them awaited, half submitted, all with ids of the case's own, all answers looked at. */
export class Lot {
  readonly #stage: Stage;
  readonly #tasks: FaultTasks;
  readonly #random: Random;
  readonly #all: Promise<void>[] = [];
  #awaited = false;
  /** Those whose submit has resolved. */
  readonly accepted: Expected[] = [];

  constructor(stage: Stage, tasks: FaultTasks, random: Random) {
    this.#stage = stage;
    this.#tasks = tasks;
    this.#random = random;
  }

  get size(): number {
    return this.#all.length;
  }

  /** Makes so many calls, which last from `least` to `most` ms. */
  add(count: number, least: number, most: number, task: "work" | "errand" = "work"): void {
    for (let added = 0; added < count; added++) {
      const one = this.#one(this.size, task, this.#random.between(least, most));
      one.catch(() => undefined); // Told by `ended`.
      this.#all.push(one);
    }
  }

  /** Adds calls in twos and threes until it is told to stop; the time between them is enough for workers to fall idle. @param awaited - whether all of them are */
  async trickle(enough: () => boolean, tasks: readonly ("work" | "errand")[], awaited = false): Promise<void> {
    this.#awaited = awaited;
    while (!enough() && !this.#stage.run.over.aborted) {
      this.add(this.#random.between(1, 4), 1, 40, this.#random.pick(tasks));
      await sleep(this.#random.between(1, 40));
    }
  }

  /** Resolves when all have ended. @throws what one of them was answered instead of its result */
  async ended(): Promise<void> {
    await Promise.all(this.#all);
  }

  async #one(number: number, task: "work" | "errand", lastsMs: number): Promise<void> {
    const id = `c${number}`;
    const expected: Expected = { id, number, queue: task === "work" ? queue : errands };
    const as = this.#tasks.with({ id });
    let value;
    if (this.#awaited || number % 2 === 0) {
      value = await as.with({ timeoutMs: patienceMs })[task](number, lastsMs);
      this.accepted.push(expected);
    } else {
      const handle = await as.submit[task](number, lastsMs);
      this.accepted.push(expected);
      value = await handle.result();
    }
    this.#stage.run.must(value.number === number, `${id} was answered with ${value.number}`);
  }
}
