import type { Rank } from "../../runtime/header.ts";
import type { ToldLimits } from "../../runtime/limits.ts";

/** A call as the model of limits knows it. */
export interface LimitedCall {
  readonly id: string;
  readonly task: string;
  readonly priority: Rank;
  /** What it shares `maxConcurrency`, and `rateLimit`, with; undefined for a call without limits. */
  readonly slots: string | undefined;
  readonly starts: string | undefined;
  /** By the model's clock; Infinity for none. Bounds the wait for its first start. */
  readonly deadline: number;
  /** Whether its record says its keys: if not, who claims it gives it back with them. */
  keyed: boolean;
  state: "queued" | "waiting" | "running" | "ended";
  /** When it is to be queued, while it is waiting. */
  due: number;
  started: boolean;
  suspect: boolean;
  lease: { readonly fence: number; readonly due: number } | undefined;
  /** Whether it runs under a limit of concurrency. */
  hasSlot: boolean;
}

/** The task with limits, and those without. */
export const limitedTask = "q.limited";
export const freeTask = "q.task";
/** How long a window of starts is, ms: half a step beside, as all durations of histories. */
export const perMs = 150_000;

/**
 * What must hold of limits, pauses and nested calls, whatever else a broker chooses: it does not say which call comes
 * next, but which may not, and which has no reason to wait.
 */
export class LimitedModel {
  now = 0;
  readonly calls = new Map<string, LimitedCall>();
  /** What workers tell of the limited task. */
  told: Omit<ToldLimits, "task"> = { maxConcurrency: 2, rate: { limit: 2, perMs } };
  /** Whether that was ever changed: what waits then goes on with the next end, and not at once. */
  toldAnew = false;
  paused = false;
  readonly pausedTasks = new Set<string>();
  /** When calls started, by what they share their rate with, by the broker's clock. */
  readonly #starts = new Map<string, number[]>();

  get limits(): readonly ToldLimits[] {
    return [{ task: limitedTask, ...this.told }];
  }

  get open(): readonly LimitedCall[] {
    return [...this.calls.values()].filter(({ state }) => state !== "ended");
  }

  get running(): readonly LimitedCall[] {
    return this.open.filter(({ state }) => state === "running");
  }

  isLate({ state, started, suspect, deadline }: LimitedCall): boolean {
    return (state === "queued" || state === "waiting") && !started && !suspect && this.now >= deadline;
  }

  isPaused({ task }: LimitedCall): boolean {
    return this.paused || this.pausedTasks.has(task);
  }

  /** What is due is queued. */
  promote(): void {
    for (const call of this.open) if (call.state === "waiting" && call.due <= this.now) call.state = "queued";
  }

  /** How many run that share this one's limit of concurrency. */
  beside({ slots }: LimitedCall): number {
    return this.running.filter((other) => other.hasSlot && other.slots === slots).length;
  }

  /** Why a call may not start now, by the broker's clock; undefined where it may. */
  blockedBy(call: LimitedCall, now: number): string | undefined {
    if (call.slots === undefined) return undefined;
    const { maxConcurrency = Infinity, rate } = this.told;
    if (this.beside(call) >= maxConcurrency) return "maxConcurrency";
    const first = rate === undefined ? undefined : this.#starts.get(call.starts!)?.at(-rate.limit);
    return first !== undefined && first + perMs > now ? "rateLimit" : undefined;
  }

  /** A claim has given it. @param at - the broker's time */
  start(call: LimitedCall, lease: { readonly fence: number; readonly leaseMs: number; readonly at: number }): void {
    call.state = "running";
    call.lease = { fence: lease.fence, due: this.now + lease.leaseMs };
    if (call.slots === undefined || !call.keyed) return;
    call.hasSlot = this.told.maxConcurrency !== undefined;
    if (this.told.rate === undefined) return;
    const starts = this.#starts.get(call.starts!) ?? [];
    this.#starts.set(call.starts!, [...starts, lease.at]);
  }

  /** It is with no worker any more. */
  leave(call: LimitedCall, state: "queued" | "waiting" | "ended"): void {
    call.lease = undefined;
    call.hasSlot = false;
    call.state = state;
  }

  /** @returns how many calls of dead workers are taken back. */
  reap(): number {
    const lapsed = this.running.filter(({ lease }) => lease!.due <= this.now);
    for (const call of lapsed) {
      call.suspect = true;
      this.leave(call, "queued");
    }
    return lapsed.length;
  }
}
