import type { WorkerPlan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Stage, WorkerProcess } from "./stage.ts";

/** Some workers' processes, of which others take the places of those that die. */
export class Crew {
  readonly #stage: Stage;
  readonly #plan: Partial<WorkerPlan>;
  readonly #alive: WorkerProcess[] = [];
  readonly #starting = new Set<Promise<void>>();
  #failure: Error | undefined;

  constructor(stage: Stage, plan: Partial<WorkerPlan>) {
    this.#stage = stage;
    this.#plan = plan;
  }

  /** Adds some; resolves when they listen. */
  async grow(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#start()));
  }

  /** One that listens; undefined if none does at the moment. */
  pick(random: Random): WorkerProcess | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#alive.length === 0 ? undefined : random.pick(this.#alive);
  }

  /** Kills one, and has another started; resolves when the first is gone. */
  async replace(victim: WorkerProcess): Promise<void> {
    this.#alive.splice(this.#alive.indexOf(victim), 1);
    const starting = this.#start()
      .catch((error: Error) => void (this.#failure = error))
      .then(() => void this.#starting.delete(starting));
    this.#starting.add(starting);
    await victim.child.kill();
  }

  /** Stops all in an orderly way. */
  async stop(): Promise<void> {
    await Promise.all(this.#starting);
    if (this.#failure !== undefined) throw this.#failure;
    await Promise.all(
      this.#alive.map(async ({ child }) => {
        child.tell("stop");
        await child.ended();
      }),
    );
  }

  async #start(): Promise<void> {
    this.#alive.push(await this.#stage.worker(this.#plan));
  }
}
