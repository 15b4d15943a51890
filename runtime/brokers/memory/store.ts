import type { ClaimedBatch, ClaimRequest } from "../../broker.ts";
import type { Clock } from "../../clock.ts";
import { isTerminal } from "../../state.ts";
import { Bell } from "./bell.ts";
import { Channels } from "./channels.ts";
import { claim } from "./claim.ts";
import { Queue } from "./queue.ts";

/** Ended calls that one run of the sweeper forgets. */
const sweptAtOnce = 1_000;
/** How often the sweeper runs at the most, ms. */
const sweepMs = 1_000;

/** What the connections to one memory broker share. */
export class Store {
  readonly clock: Clock;
  readonly channels = new Channels();
  readonly bell: Bell;
  readonly #queues = new Map<string, Queue>();
  #sweeping = false;

  constructor(clock: Clock) {
    this.clock = clock;
    this.bell = new Bell({
      clock,
      claim: (request) => this.claim(request),
      nextDue: (name) => this.#queues.get(name)?.nextDue,
    });
  }

  queue(name: string): Queue {
    const { clock } = this;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new Queue(name, {
        hears: (channel) => this.channels.hears(channel),
        now: () => clock.now(),
        tell: (channel, notice) => this.channels.tell(channel, notice),
        ring: () => this.bell.ring(name),
        rearm: () => this.bell.rearm(name),
      });
      this.#queues.set(name, queue);
    }
    return queue;
  }

  /** Forgets a queue in which no call waits or runs; one with calls that have ended stays until these are forgotten. @returns whether that is so. */
  drop(name: string): boolean {
    const queue = this.#queues.get(name);
    if (queue === undefined) return true;
    for (const { state } of queue.calls.values()) if (!isTerminal(state)) return false;
    if (queue.calls.size + queue.schedules.size === 0) this.#queues.delete(name);
    return queue.schedules.size === 0;
  }

  /** Whether it holds no call and no schedule, and nothing is paused, so that nothing is lost with it. */
  get empty(): boolean {
    for (const { calls, schedules, paused, pausedTasks } of this.#queues.values())
      if (paused || calls.size + schedules.size + pausedTasks.size > 0) return false;
    return true;
  }

  /** Claims from the queues in their order, without waiting. */
  claim(request: ClaimRequest): readonly ClaimedBatch[] {
    const now = this.clock.now();
    const batches: ClaimedBatch[] = [];
    let { limit, suspect } = request;
    for (const served of request.queues) {
      if (limit <= 0) break;
      const batch = claim(this.queue(served.name), served, { ...request, limit, suspect }, now);
      if (batch === undefined) continue;
      batches.push(batch);
      limit -= batch.calls.length;
      // Those of two queues would not know of each other.
      suspect &&= !batch.calls.some((call) => call.suspect);
    }
    return batches;
  }

  /** Sees to it that ended calls are forgotten in time also when nobody calls: by one timer, however many they are. */
  sweepLater(delayMs = sweepMs): void {
    if (this.#sweeping) return;
    let next = Infinity;
    for (const { ended } of this.#queues.values()) next = Math.min(next, ended.first?.due ?? Infinity);
    if (next === Infinity) return;
    this.#sweeping = true;
    const run = () => {
      this.#sweeping = false;
      const now = this.clock.now();
      let more = false;
      for (const queue of this.#queues.values()) more = queue.sweep(now, sweptAtOnce) || more;
      this.sweepLater(more ? 0 : sweepMs);
    };
    this.clock.setTimer(Math.max(delayMs, next - this.clock.now()), run, true);
  }
}
