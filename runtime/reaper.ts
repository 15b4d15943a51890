import type { Beat, BeatReply, Broker } from "./broker.ts";
import { settles } from "./clock.ts";
import { TaskError } from "./errors.ts";
import type { Logger } from "./log.ts";
import { clearInterval, performance, setInterval } from "./real-time.ts";

/** What a reaper needs of its worker. */
export interface ReaperSettings {
  readonly intervalMs: number;
  /** The event loop runs; at each interval, whatever becomes of the beat. */
  awake(): void;
  /** The worker's queues with the fences of what it runs. */
  queues(): Beat["queues"];
  /** The fences of these calls no longer hold. */
  lost(queue: string, fence: number): void;
  /** These still do, by a beat that was sent at this time, by `performance.now`. */
  kept(queue: string, fences: readonly number[], sentAt: number): void;
  /** A beat was answered. */
  answered(reply: BeatReply): void;
  /** A beat was not answered, for this reason. */
  failed(trouble: string): void;
}

/**
 * The heartbeat of a worker: at each beat its leases and its presence are kept, and the leases that others let lapse
 * are taken back.
 */
export class Reaper {
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #beat: Omit<Beat, "queues" | "reap">;
  readonly #settings: ReaperSettings;
  #timer: NodeJS.Timeout | undefined;
  /** The beat that is on its way: another one is made only after it. */
  #beating: Promise<void> | undefined;
  #stopped = false;
  #last = performance.now();
  /** What is wrong with beats at present: told once. */
  #trouble: string | undefined;

  constructor(broker: Broker, log: Logger, beat: Omit<Beat, "queues" | "reap">, settings: ReaperSettings) {
    this.#broker = broker;
    this.#log = log;
    this.#beat = beat;
    this.#settings = settings;
  }

  /** Makes the first beat, and then one at each interval. @throws TaskError as the broker does. */
  async start(): Promise<void> {
    await this.#once({ ...this.#beat, queues: this.#settings.queues(), reap: true });
    if (this.#stopped) return;
    this.#timer = setInterval(() => {
      this.#settings.awake();
      this.#beating ??= this.#next().finally(() => {
        this.#beating = undefined;
      });
    }, this.#settings.intervalMs);
  }

  /** Makes the last beat, which takes the presence away. A broker that does not answer is given up after so many ms. */
  async stop(patienceMs: number): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    if (this.#beating !== undefined && !(await settles(this.#beating, patienceMs))) return;
    // What could not be given back is to lapse as soon as it can.
    const queues = this.#settings.queues().map(({ name, tasks }) => ({ name, tasks, fences: [] }));
    const beat = { ...this.#beat, queues, presenceMs: 0, reap: false };
    // A presence that can't be taken away lapses by itself.
    await settles(
      this.#once(beat).catch(() => undefined),
      patienceMs,
    );
  }

  async #next(): Promise<void> {
    // After a late beat, whoever shares this event loop was as late: its leases are not to be judged yet.
    const late = performance.now() - this.#last > 2 * this.#settings.intervalMs;
    try {
      await this.#once({ ...this.#beat, queues: this.#settings.queues(), reap: !late });
      this.#trouble = undefined;
    } catch (thrown) {
      const { message } = TaskError.from(thrown, "internal");
      if (message !== this.#trouble)
        this.#log.warn({ error: message }, "a beat failed; trying again until it succeeds");
      this.#trouble = message;
      this.#settings.failed(message);
    }
  }

  async #once(beat: Beat): Promise<void> {
    const sentAt = performance.now();
    this.#last = sentAt;
    const reply = await this.#broker.renew(beat);
    const { lost, reaped, failed = [] } = reply;
    for (const { name, fences } of beat.queues)
      if (!failed.some(({ queue, kept }) => queue === name && !kept)) this.#settings.kept(name, fences, sentAt);
    for (const { queue, fence } of lost) this.#settings.lost(queue, fence);
    if (reaped > 0) this.#log.warn({ reaped }, "took back calls whose worker is gone");
    // What was kept and learned counts; the rest is told as a beat that failed is.
    if (failed.length > 0) throw failed[0]!.error;
    this.#settings.answered(reply);
  }
}
