import type { WorkerPlan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { Spare, Stage, WorkerProcess } from "./stage.ts";

/** What a crew is like. */
export interface CrewSettings {
  /** The plan of the next one. */
  readonly plan: () => Partial<WorkerPlan>;
  /** Called when one listens. */
  readonly joined?: ((worker: WorkerProcess) => void) | undefined;
  /** Called when one has died. */
  readonly died?: ((worker: WorkerProcess) => void) | undefined;
}

/**
 * Some workers' processes. Others are kept loaded, so that one steps at once into the place of one that dies: a
 * process takes longer to start than it lives in a storm.
 */
export class Crew {
  readonly #stage: Stage;
  readonly #settings: CrewSettings;
  readonly #alive = new Map<WorkerProcess, Promise<void>>();
  readonly #spares: Promise<Spare>[] = [];
  readonly #joining = new Set<Promise<void>>();
  #stopping = false;
  #deaths = 0;
  #failure: Error | undefined;

  constructor(stage: Stage, settings: CrewSettings) {
    this.#stage = stage;
    this.#settings = settings;
  }

  /** How many have died. @throws Error if one of them has ended in another way, or could not be replaced */
  deaths(): number {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#deaths;
  }

  /** Adds some, and spares; resolves when they listen. */
  async grow(count: number, spares: number): Promise<void> {
    for (let added = 0; added < count + spares; added++) this.#addSpare();
    await Promise.all(Array.from({ length: count }, () => this.#join()));
  }

  /** Kills one of them, as soon as there is another to take its place; resolves when that one listens. */
  async kill(random: Random): Promise<void> {
    await this.#spares[0];
    const victim = random.pick([...this.#alive.keys()]);
    const replaced = this.#alive.get(victim)!;
    await victim.child.kill();
    await replaced;
  }

  /** Stops all in an orderly way, and replaces none. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#joining);
    for (const { child } of this.#alive.keys()) child.tell("stop");
    await Promise.all(this.#alive.values());
    await Promise.all(this.#spares.map(async (spare) => (await spare).child.kill()));
  }

  async #join(): Promise<void> {
    const joining = this.#bringOne();
    this.#joining.add(joining);
    await joining.finally(() => this.#joining.delete(joining));
  }

  async #bringOne(): Promise<void> {
    const spare = await this.#spares.shift()!;
    const worker = await spare.go();
    const replaced = this.#mourn(worker);
    replaced.catch((error: Error) => void (this.#failure ??= error));
    this.#alive.set(worker, replaced);
    this.#settings.joined?.(worker);
  }

  async #mourn(worker: WorkerProcess): Promise<void> {
    const end = await worker.child.gone();
    if (this.#stage.run.over.aborted) return;
    this.#alive.delete(worker);
    if (end === 0 && this.#stopping) return;
    if (end !== "SIGKILL") throw new Error(`a worker ended with ${end}:\n${worker.child.output()}`);
    this.#deaths += 1;
    this.#settings.died?.(worker);
    if (this.#stopping) return;
    this.#addSpare();
    await this.#join();
  }

  #addSpare(): void {
    const spare = this.#stage.spare(this.#settings.plan());
    spare.catch(() => undefined); // Told to who wants it.
    this.#spares.push(spare);
  }
}
