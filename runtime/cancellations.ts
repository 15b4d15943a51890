import type { Broker } from "./broker.ts";
import { pause } from "./clock.ts";
import { TaskError, type TaskErrorCode } from "./errors.ts";
import { performance } from "./real-time.ts";

const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** For how long a call that the broker does not know may still be on its way to it, ms: longer than a silent connection is kept. */
const onItsWayMs = 30_000;
/** Faults of a broker that is away. */
const passing: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "outcome_unknown"]);

/** A call that is to be ended. */
export interface Unwanted {
  readonly queue: string;
  readonly id: string;
  /** Whether the broker is known to have it; else it may not have arrived yet. */
  readonly stored: boolean;
  /** How long it may still take by itself, ms. @default without bound */
  readonly leftMs?: number | undefined;
}

/** Ends calls that nobody wants any more, also those of which it is not known whether they were stored, once the broker is there. */
export class Cancellations {
  readonly #broker: Broker;
  readonly #closed = new AbortController();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Nothing is to be waited for. */
  cancel(unwanted: Unwanted): void {
    void this.#cancel(unwanted);
  }

  /** Asks no more. */
  close(): void {
    this.#closed.abort();
  }

  async #cancel({ queue, id, stored, leftMs = Number.POSITIVE_INFINITY }: Unwanted): Promise<void> {
    const { signal } = this.#closed;
    let until = performance.now() + leftMs;
    let answered = false;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        if ((await this.#broker.cancel(queue, id)) !== undefined || stored) return;
        // What was sent before the broker was away may come to it after this.
        if (!answered) until = Math.min(until, performance.now() + onItsWayMs);
        answered = true;
      } catch (thrown) {
        if (!passing.has(TaskError.from(thrown, "internal").code)) return;
      }
      await pause(Math.min(pauseMs, Math.max(0, until - performance.now())), signal);
      if (signal.aborted || performance.now() >= until) return;
    }
  }
}
