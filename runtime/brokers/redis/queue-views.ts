import type { ClaimRequest, ServedQueue } from "../../broker.ts";
import { performance } from "../../real-time.ts";

/** What is known to be left in a queue after a claim: suspects are for those who may have one. */
export type Left = "nothing" | "calls" | "suspects";

/** What is known of a queue. All times are by {@link performance.now}. */
interface QueueView {
  readonly left: Left;
  /** When its next delayed call is due; Infinity for none. */
  readonly dueAt: number;
  readonly askedAt: number;
  /** When its bell was last listened to, or it was asked. */
  heardAt: number;
}

/** How long a queue may be left out while others hold calls, ms: its bell may have been lost. */
const longestUnaskedMs = 1_000;
/** How long its bell may go unheard meanwhile, ms. */
const longestUnheardMs = 2;

/** What is known of queues since they were last asked. */
export class QueueViews {
  readonly #views = new Map<string, QueueView>();

  /** @param at - when `dueMs`, in which the next delayed call is due, was told. */
  learn(queue: string, left: Left, dueMs: number, at: number): void {
    const now = performance.now();
    const dueAt = dueMs < 0 ? Number.POSITIVE_INFINITY : at + dueMs;
    this.#views.set(queue, { left, dueAt, askedAt: now, heardAt: now });
  }

  /** From now on they may hold anything. */
  forget(queues: readonly ServedQueue[]): void {
    for (const { name } of queues) this.#views.delete(name);
  }

  clear(): void {
    this.#views.clear();
  }

  /** The queues that hold more that this one may have, or are not known to hold none. */
  promising({ queues, suspect }: ClaimRequest): readonly ServedQueue[] {
    const now = performance.now();
    return queues.filter(({ name }) => {
      const view = this.#views.get(name);
      if (view === undefined) return true;
      const { left, dueAt, askedAt } = view;
      return left === "calls" || (left === "suspects" && suspect) || dueAt <= now || askedAt + longestUnaskedMs <= now;
    });
  }

  /** Of these queues, those that have not been heard for a while; they count as heard from now on. */
  unheard(queues: readonly ServedQueue[]): readonly ServedQueue[] {
    const now = performance.now();
    return queues.filter(({ name }) => {
      const view = this.#views.get(name);
      if (view === undefined || view.heardAt + longestUnheardMs > now) return false;
      view.heardAt = now;
      return true;
    });
  }

  /** The first of these queues that is known to hold suspects. */
  suspected(queues: readonly ServedQueue[]): ServedQueue | undefined {
    return queues.find(({ name }) => this.#views.get(name)?.left === "suspects");
  }

  /** When the first delayed call of these queues is due; Infinity for none. */
  dueAt(queues: readonly ServedQueue[]): number {
    return queues.reduce(
      (first, { name }) => Math.min(first, this.#views.get(name)?.dueAt ?? Number.POSITIVE_INFINITY),
      Number.POSITIVE_INFINITY,
    );
  }
}
