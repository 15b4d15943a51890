import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import type {
  Broker,
  ClaimedBatch,
  ClaimRequest,
  Notice,
  Report,
  StoredCall,
  Submission,
  Submitted,
  Verdict,
} from "../../broker.ts";
import { encode } from "../../codec.ts";
import { writeReply, writeRequest } from "../../envelope.ts";
import { type Header, newHeader } from "../../header.ts";
import { clientChannel, workerChannel } from "../../keys.ts";

/** A store that is judged, as a broker's test brings it along: see {@link brokerConformance}. */
export interface JudgedStore {
  /** Another connection to the same store, which is empty at first. The rules close those that they need closed, no others. */
  connect(): Broker | Promise<Broker>;
  /**
   * Moves the broker's time, as by an offset that only tests can set: forward, and in a few rules of the timetable back.
   * What lapses meanwhile has lapsed, and claims that wait must notice.
   */
  advance?(ms: number): Promise<void> | void;
  /** Ends what is left, open connections included. */
  dispose(): Promise<void> | void;
  /**
   * The keys of a queue, without what they have in common, where it has any.
   *
   * @internal
   */
  keys?(queue: string): Promise<readonly string[]>;
}

/** The queue of most tests. */
export const queue = "q";

/** How a test's call differs from the plainest one. */
export interface CallShape {
  readonly header?: Partial<Header>;
  readonly to?: string;
  readonly task?: string;
  readonly params?: unknown;
  readonly delayMs?: number;
}

/** A call to be submitted. */
export function submission(
  id: string,
  { header = {}, to, task = "q.task", params = { id }, delayMs = 0 }: CallShape = {},
): Submission {
  const record = writeRequest(newHeader(header), { to, task, params });
  return { id, record, priority: header.priority ?? "normal", delayMs };
}

/** A reply's record. */
export function reply(value: unknown, header: Partial<Header> = {}): Buffer {
  return writeReply(newHeader({ state: "succeeded", attempt: 1, ...header }), { value });
}

/** A leased call with its batch's fence. */
export interface Claimed {
  readonly queue: string;
  readonly fence: number;
  readonly now: number;
  readonly id: string;
  readonly record: Uint8Array;
  readonly suspect: boolean;
}

/** The calls of all batches. */
export function callsOf(batches: readonly ClaimedBatch[]): readonly Claimed[] {
  return batches.flatMap(({ queue, fence, now, calls }) => calls.map((call) => ({ queue, fence, now, ...call })));
}

/** The ids of what was claimed. */
export function ids(claimed: readonly { readonly id: string }[]): readonly string[] {
  return claimed.map(({ id }) => id);
}

type Kind<R = Report> = R extends Report ? Omit<R, "id" | "fence"> : never;

/** A broker under test, and short words for what tests do with it. */
export class Lab {
  readonly broker: Broker;
  readonly #store: JudgedStore;

  constructor(broker: Broker, store: JudgedStore) {
    this.broker = broker;
    this.#store = store;
  }

  async connect(): Promise<Broker> {
    return this.#store.connect();
  }

  async advance(ms: number): Promise<void> {
    if (this.#store.advance === undefined) throw new Error("the store is said to have a clock, but has no advance()");
    await this.#store.advance(ms);
  }

  /** The keys of the queue, where it has any: see {@link JudgedStore}. */
  async keys(): Promise<readonly string[]> {
    return (await this.#store.keys?.(queue)) ?? [];
  }

  /** Lets what is under way arrive: a few turns here, and round trips to the broker. */
  async settled(): Promise<void> {
    for (let count = 0; count < 3; count++) {
      await turn();
      await this.broker.read(queue, ["nobody's"]);
    }
    await turn();
  }

  /** Waits until something holds. @throws what the check has thrown at last, after 5 s. */
  async eventually(check: () => unknown): Promise<void> {
    const until = performance.now() + 5_000;
    for (;;) {
      try {
        await check();
        return;
      } catch (thrown) {
        if (performance.now() >= until) throw thrown;
        await pause(5);
      }
    }
  }

  async submit(id: string, shape?: CallShape): Promise<Submitted> {
    const [submitted] = await this.submitAll([submission(id, shape)]);
    return submitted!;
  }

  submitAll(
    calls: readonly Submission[],
    acknowledged: readonly string[] = [],
    maxLength?: number,
  ): Promise<readonly Submitted[]> {
    return this.broker.submit(queue, { calls, acknowledged, maxLength });
  }

  batches(request: Partial<ClaimRequest> = {}, broker: Broker = this.broker): Promise<readonly ClaimedBatch[]> {
    return broker.claim({
      worker: "w",
      queues: [{ name: queue, tasks: ["q.task"] }],
      limit: 100,
      waitMs: 0,
      leaseMs: 10_000,
      suspect: false,
      signal: new AbortController().signal,
      ...request,
    });
  }

  async claim(request?: Partial<ClaimRequest>, broker?: Broker): Promise<readonly Claimed[]> {
    return callsOf(await this.batches(request, broker));
  }

  /** Claims the one call that is there. */
  async claimOne(request?: Partial<ClaimRequest>): Promise<Claimed> {
    const calls = await this.claim({ limit: 1, ...request });
    if (calls.length !== 1) throw new Error(`${calls.length} calls in place of one`);
    return calls[0]!;
  }

  async report(claimed: Pick<Claimed, "id" | "fence">, what: Kind): Promise<Verdict> {
    const [verdict] = await this.broker.finish(queue, [{ id: claimed.id, fence: claimed.fence, ...what }]);
    return verdict!;
  }

  finish(claimed: Pick<Claimed, "id" | "fence">, value: unknown = "done", ttlMs = 3_600_000): Promise<Verdict> {
    return this.report(claimed, { kind: "finish", record: reply(value, { fence: claimed.fence }), ttlMs });
  }

  retry(claimed: Pick<Claimed, "id" | "fence">, delayMs = 0): Promise<Verdict> {
    return this.report(claimed, { kind: "retry", delayMs, failure: encode({ message: "no" }) });
  }

  async read(id: string, waiter?: string): Promise<StoredCall | undefined> {
    const [call] = await this.broker.read(queue, [id], { waiter });
    return call;
  }

  async state(id: string): Promise<string> {
    return (await this.read(id))?.state ?? "gone";
  }

  /** A beat of a worker that takes lapsed leases back. */
  reap(worker = "reaper", maxDeliveries = 3): Promise<number> {
    return this.beat({ worker, maxDeliveries, reap: true }).then(({ reaped }) => reaped);
  }

  async beat(
    beat: {
      worker?: string;
      fences?: readonly number[];
      tasks?: readonly string[];
      leaseMs?: number;
      presenceMs?: number;
      maxDeliveries?: number;
      reap?: boolean;
    } = {},
  ) {
    const {
      worker = "w",
      fences = [],
      tasks = ["q.task"],
      leaseMs = 10_000,
      presenceMs = 60_000,
      maxDeliveries = 3,
      reap = false,
    } = beat;
    const { lost, reaped, waiting } = await this.broker.renew({
      worker,
      queues: [{ name: queue, tasks, fences }],
      leaseMs,
      presenceMs,
      maxDeliveries,
      reap,
    });
    return { lost: lost.map(({ fence }) => fence), reaped, waiting };
  }

  /** Claims everything as a worker that dies at once, and lets its leases lapse and be taken back. */
  async dieWith(request: Partial<ClaimRequest> = {}, maxDeliveries = 3): Promise<readonly Claimed[]> {
    const claimed = await this.claim({ worker: "dying", leaseMs: 1_000, ...request });
    await this.advance(1_001);
    await this.reap("reaper", maxDeliveries);
    return claimed;
  }

  /** Hears a client's channel. */
  client(name: string, broker: Broker = this.broker): Promise<Inbox> {
    return Inbox.open(this, broker, clientChannel(name));
  }

  /** Hears the channel of a queue's workers. */
  workers(broker: Broker = this.broker): Promise<Inbox> {
    return Inbox.open(this, broker, workerChannel(queue));
  }
}

/** What was heard on a channel. */
export class Inbox {
  readonly notices: Notice[] = [];
  readonly #lab: Lab;
  stop: () => Promise<void> = () => Promise.resolve();

  static async open(lab: Lab, broker: Broker, channel: string): Promise<Inbox> {
    const inbox = new Inbox(lab);
    inbox.stop = await broker.subscribe(channel, (notice) => inbox.notices.push(notice));
    return inbox;
  }

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** The notices, once there are so many. */
  async heard(count: number): Promise<readonly Notice[]> {
    await this.#lab.eventually(() => {
      if (this.notices.length < count) throw new Error(`heard ${this.notices.length} notices of ${count}`);
    });
    return this.notices;
  }
}
