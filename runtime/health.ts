import { performance } from "./real-time.ts";

/** How a worker is. */
export interface WorkerHealth {
  readonly healthy: boolean;
  /** What is wrong, in words; none for a healthy one. */
  readonly problems: readonly string[];
  /** Handlers that run now; one past its limit is one. */
  readonly running: number;
  /** Those of them that wait for calls that they made: they lend their slots. */
  readonly waiting: number;
  readonly concurrency: number;
  /** Handlers that go on although their call was answered long ago, by task: each keeps a slot. */
  readonly stuck: Readonly<Record<string, number>>;
}

/** What a worker's health is judged by. */
export interface HealthSettings {
  readonly concurrency: number;
  /** For how long there may be no progress, ms. */
  readonly unhealthyAfterMs: number;
  /** How many handlers may be stuck. */
  readonly maxStuck: number;
}

/** What runs at a moment. */
export interface RunningHandlers {
  readonly running: number;
  readonly waiting: number;
  /** The tasks of handlers that are stuck. */
  readonly stuck: readonly string[];
}

/**
 * Judges a worker by its progress: a broker that answers is not enough if calls wait and none is claimed, and slots that
 * are taken for good are none.
 */
export class Health {
  readonly #settings: HealthSettings;
  readonly #now: () => number;
  /** When the broker last answered a beat. */
  #beatAt: number;
  #trouble: string | undefined;
  /** Since when calls wait, slots are free, and none is claimed. */
  #waitingSince: number | undefined;
  #reopenedAt: number;

  constructor(settings: HealthSettings, now: () => number = () => performance.now()) {
    this.#settings = settings;
    this.#now = now;
    this.#beatAt = now();
    this.#reopenedAt = now();
  }

  /** A beat was answered: so many calls wait, and so many slots are free. */
  beaten(waiting: number, freeSlots: number): void {
    this.#beatAt = this.#now();
    this.#trouble = undefined;
    if (waiting === 0 || freeSlots <= 0) this.#waitingSince = undefined;
    else this.#waitingSince ??= this.#now();
  }

  /** A beat was not answered. */
  failed(trouble: string): void {
    this.#trouble = trouble;
  }

  /** Calls were claimed. */
  claimed(): void {
    this.#waitingSince = undefined;
  }

  /**
   * Whether it is time to open connections anew, as calls wait and none is claimed. Says so once in each
   * `unhealthyAfterMs`.
   */
  reopens(): boolean {
    const since = this.#stalledMs();
    if (since === undefined || this.#now() - this.#reopenedAt < this.#settings.unhealthyAfterMs) return false;
    this.#reopenedAt = this.#now();
    return true;
  }

  /** Whether more handlers are stuck than may be. */
  isStuck({ stuck }: RunningHandlers): boolean {
    return stuck.length > this.#settings.maxStuck;
  }

  report(handlers: RunningHandlers): WorkerHealth {
    const { concurrency, unhealthyAfterMs } = this.#settings;
    const problems: string[] = [];
    const stalledMs = this.#stalledMs();
    if (stalledMs !== undefined) problems.push(`calls wait, and none was claimed for ${seconds(stalledMs)}`);
    const silentMs = this.#now() - this.#beatAt;
    if (silentMs >= unhealthyAfterMs) {
      problems.push(`the broker has answered no beat for ${seconds(silentMs)}: ${this.#trouble ?? "it is silent"}`);
    }
    const stuck: Record<string, number> = {};
    for (const task of handlers.stuck) stuck[task] = (stuck[task] ?? 0) + 1;
    if (this.isStuck(handlers)) {
      const tasks = Object.entries(stuck).map(([task, count]) => `${task} (${count})`);
      problems.push(
        `${handlers.stuck.length} of ${concurrency} slots are held by handlers past their end: ${tasks.join(", ")}`,
      );
    }
    const { running, waiting } = handlers;
    return { healthy: problems.length === 0, problems, running, waiting, concurrency, stuck };
  }

  /** For how long calls have waited without a claim, ms, if that is too long. */
  #stalledMs(): number | undefined {
    if (this.#waitingSince === undefined) return undefined;
    const ms = this.#now() - this.#waitingSince;
    return ms >= this.#settings.unhealthyAfterMs ? ms : undefined;
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
