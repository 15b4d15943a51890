import { isParkedRequest, waitingClient } from "../../envelope.ts";
import { TaskError } from "../../errors.ts";
import type {
  Census,
  InspectedCall,
  Operator,
  PageRequest,
  PausedParts,
  ParkedRecords,
  PurgedCalls,
  PurgeRequest,
  Replay,
  Replayed,
} from "../../operator.ts";
import { nextTurn } from "../../real-time.ts";
import { type CallState, isTerminal } from "../../state.ts";
import { madeAt } from "../../id.ts";
import { type Call, headerOf, newCall } from "./call.ts";
import { lengthOf, type Queue, waitingIn } from "./queue.ts";
import type { Store } from "./store.ts";

/** Calls that are looked at in one turn of the event loop. */
const purgedAtOnce = 500;

/** What the memory broker offers to those who look after its queues. */
export class MemoryOperator implements Operator {
  readonly #open: () => Store;

  /** @param open - the store, while its connection is open. */
  constructor(open: () => Store) {
    this.#open = open;
  }

  async parked(name: string, { limit, after }: PageRequest): Promise<ParkedRecords> {
    const store = this.#open();
    const queue = store.queue(name);
    const from = after === undefined ? undefined : placeOf(after);
    const parked = [...queue.parked].filter(({ id }) => queue.find(id, store.clock.now()) !== undefined);
    const rest = parked.map((call) => ({ call, place: [call.parkedAt ?? 0, call.id] as Place })).sort(newestFirst);
    const some = rest.filter(({ place }) => from === undefined || newestFirst({ place: from }, { place }) < 0);
    const page = some.slice(0, limit);
    return {
      calls: page.map(({ call: { id, record }, place: [parkedAt] }) => ({ id, parkedAt, record })),
      next: some.length > limit ? JSON.stringify(page.at(-1)!.place) : undefined,
    };
  }

  async inspect(name: string, id: string): Promise<InspectedCall | undefined> {
    const store = this.#open();
    const call = store.queue(name).find(id, store.clock.now());
    if (call === undefined) return undefined;
    const { state, record, parkedAt, failures } = call;
    return { state, record, parkedAt, failures };
  }

  async replay(name: string, id: string, { record, lease }: Replay): Promise<Replayed | undefined> {
    const store = this.#open();
    const queue = store.queue(name);
    const now = store.clock.now();
    const old = queue.find(id, now);
    if (old === undefined) return undefined;
    const header = headerOf(record);
    const ahead =
      header.fingerprint === old.header.fingerprint
        ? (header.generation - old.header.generation + 65_536) % 65_536
        : undefined;
    if (ahead === 0 && lease === undefined) return { outcome: "queued" };
    if (ahead === 0 && old.lease !== undefined && old.lease.worker === lease?.worker) return leased(old, now);
    if (ahead !== 1 || !isTerminal(old.state)) return { outcome: "refused", state: old.state };
    const call = again(queue, old, record);
    queue.happened("replayed", call, { worker: lease?.worker });
    if (lease === undefined) {
      queue.enqueue(call);
      return { outcome: "queued" };
    }
    queue.lease([call], lease.worker, now, lease.leaseMs);
    return leased(call, now);
  }

  async pause(name: string, task: string | undefined, paused: boolean): Promise<void> {
    const queue = this.#open().queue(name);
    if (task === undefined) queue.paused = paused;
    else if (paused) queue.pausedTasks.add(task);
    else queue.pausedTasks.delete(task);
    if (paused) return;
    queue.surroundings.ring();
    queue.surroundings.rearm();
  }

  async paused(name: string): Promise<PausedParts> {
    const { paused, pausedTasks } = this.#open().queue(name);
    return { queue: paused, tasks: [...pausedTasks].toSorted() };
  }

  async discard(name: string, id: string): Promise<CallState | undefined> {
    const store = this.#open();
    const queue = store.queue(name);
    const call = queue.find(id, store.clock.now());
    if (call?.state === "parked") queue.forget(call);
    return call?.state;
  }

  async forget(name: string, id: string): Promise<"forgotten" | "open" | "unknown"> {
    const store = this.#open();
    const queue = store.queue(name);
    const call = queue.find(id, store.clock.now());
    if (call === undefined) return "unknown";
    if (!isTerminal(call.state)) return "open";
    queue.forget(call);
    return "forgotten";
  }

  async census(name: string): Promise<Census> {
    const store = this.#open();
    const queue = store.queue(name);
    const { high, nested, normal, low } = queue.waiting;
    let aside = 0;
    for (const lists of queue.aside.values()) aside += lengthOf(lists);
    let retrying = 0;
    for (const { state } of queue.delayed) if (state === "retrying") retrying++;
    let running = 0;
    for (const { calls } of queue.leases.values()) running += calls.size;
    const heads = [high, normal, low, queue.suspects].map(({ calls }) => calls.first);
    return {
      now: store.clock.now(),
      waiting: { high: waitingIn(high), nested: waitingIn(nested), normal: waitingIn(normal), low: waitingIn(low) },
      limited: queue.lanes.blocked,
      aside,
      suspects: waitingIn(queue.suspects),
      delayed: queue.delayed.size - retrying,
      retrying,
      running,
      parked: queue.parked.size,
      paused: queue.paused,
      oldest: [...heads, nested.calls.last].flatMap((call) => (call === undefined ? [] : [call.id])),
    };
  }

  async purge(name: string, { states, olderThanMs = 0 }: PurgeRequest): Promise<PurgedCalls> {
    const queue = this.#open().queue(name);
    const purged = { canceled: 0, forgotten: 0 };
    let looked = 0;
    const calls = Array.from(queue.calls.values());
    for (const call of calls) {
      if (++looked % purgedAtOnce === 0) await nextTurn();
      const now = this.#open().clock.now();
      if (!states.some((state) => state === call.state) || queue.calls.get(call.id) !== call) continue;
      const since = call.state === "parked" ? call.parkedAt : madeAt(call.id);
      if (olderThanMs > 0 && (since === undefined || since > now - olderThanMs)) continue;
      if (call.state === "parked") {
        queue.forget(call);
        purged.forgotten++;
      } else {
        queue.end(call, "canceled", now);
        purged.canceled++;
      }
    }
    return purged;
  }

  async drop(name: string): Promise<boolean> {
    return this.#open().drop(name);
  }

  /** Who hears a channel of memory is known to all at once. */
  async listen(): Promise<number> {
    this.#open();
    return 0;
  }
}

/**
 * The call of an id that has ended, as it was before it began. One whose workers died is a suspect from the start; but not one
 * that is delivered at most once, for a suspect of that kind has begun.
 */
function again(queue: Queue, old: Call, record: Uint8Array): Call {
  queue.forget(old);
  const call = newCall(old.id, record, headerOf(record), waitingClient(record));
  call.suspect = isParkedRequest(old.record) && !call.header.atMostOnce;
  queue.calls.set(call.id, call);
  return call;
}

function leased({ lease, suspect }: Call, now: number): Replayed {
  return { outcome: "leased", fence: lease?.fence ?? 0, now, suspect };
}

/** Where a call stands among the parked: by its time, and, as many are parked at a time, by its id. */
type Place = readonly [parkedAt: number, id: string];

function newestFirst({ place: [at, id] }: { place: Place }, { place: [other, otherId] }: { place: Place }): number {
  return other - at || (id < otherId ? 1 : id > otherId ? -1 : 0);
}

function placeOf(next: string): Place {
  try {
    const [parkedAt, id] = JSON.parse(next) as unknown[];
    if (typeof parkedAt === "number" && typeof id === "string") return [parkedAt, id];
  } catch {
    // It is said below.
  }
  throw new TaskError("invalid_argument", "after is no page's next");
}
