import type { WorkerPlan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Stage, WorkerProcess } from "./stage.ts";

/**
 * Some workers' processes. Others are kept loaded, so that one steps at once into the place of one that is killed: a
 * process takes longer to start than it lives in a storm.
 */
export class Crew {
  readonly #stage: Stage;
  readonly #plan: Partial<WorkerPlan>;
  readonly #alive: WorkerProcess[] = [];
  readonly #spares: Promise<() => Promise<WorkerProcess>>[] = [];

  constructor(stage: Stage, plan: Partial<WorkerPlan>) {
    this.#stage = stage;
    this.#plan = plan;
  }

  /** Adds some, and as many spares; resolves when they listen. */
  async grow(count: number): Promise<void> {
    const starting = Array.from({ length: count }, () => this.#stage.worker(this.#plan));
    for (let spares = 0; spares < count; spares++) this.#addSpare();
    this.#alive.push(...(await Promise.all(starting)));
  }

  /**
   * Kills one of them, as soon as there is another to take its place; resolves when that one listens.
   *
   */
  async kill(random: Random, killed: (victim: WorkerProcess) => void): Promise<void> {
    const go = await this.#spares.shift()!;
    const victim = random.pick(this.#alive);
    this.#alive.splice(this.#alive.indexOf(victim), 1);
    killed(victim);
    const [next] = await Promise.all([go(), victim.child.kill()]);
    this.#alive.push(next);
    this.#addSpare();
  }

  /** Stops all in an orderly way. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#alive.map(async ({ child }) => {
        child.tell("stop");
        await child.ended();
      }),
    );
  }

  #addSpare(): void {
    const spare = this.#stage.spare(this.#plan);
    spare.catch(() => undefined); // Told to who wants it.
    this.#spares.push(spare);
  }
}
