import { onAbort } from "../../abort-listeners.ts";
import type { ClaimedBatch, ClaimRequest } from "../../broker.ts";
import type { Clock } from "../../clock.ts";
import { setImmediate } from "../../real-time.ts";

/** A claim that found nothing and waits. */
interface WaitingClaim {
  readonly request: ClaimRequest;
  settle(batches: readonly ClaimedBatch[]): void;
}

/** What a bell needs of its store. */
export interface BellSettings {
  readonly clock: Clock;
  claim(request: ClaimRequest): readonly ClaimedBatch[];
  /** When the first delayed call of a queue is due. */
  nextDue(queue: string): number | undefined;
}

/** Wakes claims that wait when there may be something for them: a call was queued, or a delayed one is due. */
export class Bell {
  readonly #settings: BellSettings;
  /** By queue, the longest waiting first. */
  readonly #waiting = new Map<string, Set<WaitingClaim>>();
  readonly #alarms = new Map<string, () => void>();
  readonly #rung = new Set<string>();

  constructor(settings: BellSettings) {
    this.#settings = settings;
  }

  /** Waits for something to claim; resolves empty after `waitMs`, or when either signal aborts. */
  wait(request: ClaimRequest, closed: AbortSignal): Promise<readonly ClaimedBatch[]> {
    return new Promise((resolve) => {
      const giveUp = () => waiting.settle([]);
      const waiting: WaitingClaim = {
        request,
        settle: (batches) => {
          stopTimer();
          for (const unlisten of unlistens) unlisten();
          for (const { name } of request.queues) this.#remove(name, waiting);
          resolve(batches);
        },
      };
      const stopTimer = this.#settings.clock.setTimer(request.waitMs, giveUp);
      const unlistens = [onAbort(request.signal, giveUp), onAbort(closed, giveUp)];
      for (const { name } of request.queues) {
        const claims = this.#waiting.get(name) ?? new Set();
        this.#waiting.set(name, claims.add(waiting));
        this.rearm(name);
      }
    });
  }

  /** Lets waiting claims look again, once for all that happens in this turn of the event loop. */
  ring(queue: string): void {
    if (!this.#waiting.has(queue) || this.#rung.has(queue)) return;
    this.#rung.add(queue);
    setImmediate(() => {
      this.#rung.delete(queue);
      this.#serve(queue);
    });
  }

  /** Sets the alarm of a queue to its first delayed call, if a claim waits. */
  rearm(queue: string): void {
    this.#alarms.get(queue)?.();
    this.#alarms.delete(queue);
    const due = this.#waiting.has(queue) ? this.#settings.nextDue(queue) : undefined;
    if (due === undefined) return;
    const delayMs = Math.ceil(due - this.#settings.clock.now());
    // Timers may come a little early: a claim then finds nothing, and the alarm is set again.
    if (delayMs <= 0) this.ring(queue);
    else
      this.#alarms.set(
        queue,
        this.#settings.clock.setTimer(delayMs, () => this.#serve(queue)),
      );
  }

  #serve(queue: string): void {
    for (const waiting of this.#waiting.get(queue) ?? []) {
      const batches = this.#settings.claim(waiting.request);
      if (batches.length > 0) waiting.settle(batches);
    }
    this.rearm(queue);
  }

  #remove(queue: string, waiting: WaitingClaim): void {
    const claims = this.#waiting.get(queue);
    claims?.delete(waiting);
    if (claims?.size !== 0) return;
    this.#waiting.delete(queue);
    this.rearm(queue);
  }
}
