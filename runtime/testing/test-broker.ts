import type {
  Broker,
  Keepers,
  Notice,
  ReadOptions,
  StoredCall,
  SubmitBatch,
  Submitted,
  Unsubscribe,
} from "../broker.ts";
import { openPrivateMemory } from "../brokers/memory.ts";
import { shown } from "../checks.ts";
import type { Client } from "../client.ts";
import { encode } from "../codec.ts";
import type { ErrorMakers } from "../context.ts";
import { toWire } from "../envelope.ts";
import { TaskError, type TaskErrorCode, taskErrorCodes } from "../errors.ts";
import { loadWorker } from "../lazy-worker.ts";
import { nextTurn } from "../real-time.ts";
import { loadCronParser } from "../slots.ts";
import type { Timetable } from "../timetable.ts";
import { ManualClock } from "./manual-clock.ts";
import { type Stub, Stubs, stubbed } from "./stubs.ts";
import { UnansweredCalls } from "./unanswered.ts";

/** The time of a {@link TestBroker}: it stands still until a test moves it. */
export interface TestClock {
  /** Epoch ms. */
  now(): number;
  /**
   * Goes on by so many ms. Before, what is under way comes to rest: calls that were made are claimed, handlers that wait
   * for nothing run, and their answers arrive. On the way all that is due happens at its time, and comes to rest, too.
   * `advance(0)` is just the rest.
   */
  advance(ms: number): Promise<void>;
}

/** How the next call of a task ends. The first of these that is called decides. */
export interface NextCall<Signature> {
  /** With this value, as a handler returns it. */
  answers(value: Returned<Signature>): void;
  /** With a declared error, and its data as a handler gives them. */
  fails<Name extends keyof ThrownBy<Signature> & string>(
    name: Name,
    ...data: Parameters<ErrorMakers<ThrownBy<Signature>>[Name]>
  ): void;
  /** With an error of this code; a `TaskError` will do. */
  fails(error: { readonly code: Exclude<TaskErrorCode, "declared">; readonly reason?: string | undefined }): void;
  /** With `deadline_exceeded`, as one that waited too long; at once. */
  timesOut(): void;
}

type Returned<S> = S extends { readonly returns: infer Result } ? Awaited<Result> : never;
type ThrownBy<S> = S extends { readonly raises: infer Errors } ? Errors : never;

/** A broker for one test. */
export interface TestBroker extends Broker {
  /** Delays, expiries, retries, leases, schedules and how long answers are kept follow it. */
  readonly clock: TestClock;
  /**
   * Says how the next call of a task ends that reaches the broker, awaited, safe or submitted, in place of a worker;
   * nothing is retried. Said again, it is the call after that one.
   *
   * ```ts
   * broker.next(tasks, "division").fails("divisionByZero", { dividend: 1 });
   * ```
   *
   * @param tasks - the client whose tasks these are.
   * @throws TaskError `invalid_argument` for a task that does not exist.
   */
  next<Signatures, Name extends keyof Signatures & string>(
    tasks: { readonly client: Client<Signatures> },
    task: Name,
  ): NextCall<Signatures[Name]>;
}

/**
 * Opens a broker in memory that nobody else reaches, with a clock of its own, for `createTasks` and `createWorker` alike.
 *
 * What a client or a worker times itself goes by the machine's clock: how long an attempt may run, how long a caller
 * waits (a call that expires in its queue is told to its caller when the clock has moved), and the beats of workers. A
 * lease that lapses while the clock moves is kept by its own worker's next beat, or taken back by another's.
 */
export function testBroker(): TestBroker {
  return new StubbedBroker();
}

/** Turns of the event loop in which nothing was asked of the broker, after which nothing more is to come. */
const quietTurns = 6;

/**
 * How long a claim waits, by the test's clock: a worker without work would make a day of it 86,400 claims. What can be
 * claimed wakes it.
 */
const claimWaitMs = 3_600_000;

class StubbedBroker implements TestBroker {
  readonly clock: TestClock;
  /** Slots come due as the clock moves, and not as the machine's does. */
  readonly timetable: Timetable;
  readonly #memory: Broker;
  readonly #closed = new AbortController();
  readonly #stubs: Stubs;
  readonly #unanswered: UnansweredCalls;
  /** How many workers have begun to run on it. */
  #workers = 0;
  readonly #listeners = new Set<(notice: Notice) => void>();
  /** What was asked of it so far. */
  #asked = 0;

  constructor() {
    const clock = new ManualClock();
    const { broker, store } = openPrivateMemory(clock);
    this.#memory = broker;
    this.#unanswered = new UnansweredCalls(store, () => this.#workers > 0);
    this.#stubs = new Stubs(this.#memory, this.#closed.signal);
    const timetable = (): Timetable => this.#use().timetable!;
    this.timetable = {
      read: (queue) => timetable().read(queue),
      fire: (queue, firing) => timetable().fire(queue, firing),
      pause: (queue, task, paused) => timetable().pause(queue, task, paused),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    };
    this.clock = { now: () => clock.now(), advance: (ms) => this.#advance(clock, ms) };
  }

  next<Signatures, Name extends keyof Signatures & string>(
    tasks: { readonly client: Client<Signatures> },
    task: Name,
  ): NextCall<Signatures[Name]> {
    const { task: name } = tasks.client.handle(task, "next") as { readonly task: string };
    const ends = (stub: Stub): void => this.#stubs.add(name, stub);
    const next: NextCall<unknown> = {
      answers(value: unknown) {
        encode(value);
        ends({ state: "succeeded", reply: { value } });
      },
      fails(error: string | { readonly code: TaskErrorCode; readonly reason?: string | undefined }, data?: unknown) {
        ends({ state: "failed", reply: { error: toWire(errorOf(error, data)) } });
      },
      timesOut() {
        const late = new TaskError<string, unknown>("deadline_exceeded", "the call waited past its deadline");
        ends({ state: "expired", reply: { error: toWire(late) } });
      },
    };
    return next;
  }

  async submit(queue: string, batch: SubmitBatch): Promise<readonly Submitted[]> {
    const memory = this.#use();
    const isStubbed = batch.calls.map((call) => this.#stubs.takes(queue, call));
    const part = (stubbed: boolean) => batch.calls.filter((_, index) => isStubbed[index] === stubbed);
    const acknowledged = (stubbed: boolean) =>
      batch.acknowledged.filter((id) => this.#stubs.has(queue, id) === stubbed);
    const [plain, own] = await Promise.all([
      memory.submit(queue, { ...batch, calls: part(false), acknowledged: acknowledged(false) }),
      memory.submit(stubbed(queue), { ...batch, calls: part(true), acknowledged: acknowledged(true) }),
    ]);
    for (const call of part(false)) this.#unanswered.watch(queue, call);
    const results = [plain.values(), own.values()] as const;
    return isStubbed.map((stubbed) => results[stubbed ? 1 : 0].next().value!);
  }

  async read(
    queue: string,
    ids: readonly string[],
    options?: ReadOptions,
  ): Promise<readonly (StoredCall | undefined)[]> {
    const memory = this.#use();
    const each = ids.map((id) => memory.read(this.#stubs.queueOf(queue, id), [id], options));
    return (await Promise.all(each)).flat();
  }

  cancel(queue: string, id: string): Promise<StoredCall | undefined> {
    return this.#use().cancel(this.#stubs.queueOf(queue, id), id);
  }

  async subscribe(channel: string, listener: (notice: Notice) => void): Promise<Unsubscribe> {
    const unsubscribe = await this.#use().subscribe(channel, listener);
    this.#listeners.add(listener);
    return async () => {
      this.#listeners.delete(listener);
      await unsubscribe();
    };
  }

  readonly claim: Broker["claim"] = (request) =>
    this.#use().claim({ ...request, waitMs: request.waitMs === 0 ? 0 : claimWaitMs });
  readonly finish: Broker["finish"] = (queue, reports) => this.#use().finish(queue, reports);
  readonly renew: Broker["renew"] = (beat) => this.#use().renew(beat);
  /** A stubbed call is not in its own queue, as one that a worker has picked up. */
  readonly revoke: Broker["revoke"] = (queue, id, nonce) => this.#use().revoke(queue, id, nonce);
  readonly presence: Broker["presence"] = (queue, unreadable) => this.#use().presence(queue, unreadable);

  /** Workers ask for it as soon as they run. Nothing here keeps leases by itself. */
  async keepers(): Promise<Keepers> {
    this.#workers += 1;
    return { start: () => ({ stop: async () => undefined }) };
  }

  get operator(): Broker["operator"] {
    return this.#use().operator;
  }

  get locks(): Broker["locks"] {
    return this.#use().locks;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#unanswered.close();
    this.#listeners.clear();
    await this.#memory.close();
  }

  #use(): Broker {
    this.#asked += 1;
    return this.#memory;
  }

  async #advance(clock: ManualClock, ms: number): Promise<void> {
    if (!(Number.isFinite(ms) && ms >= 0)) {
      throw new TaskError("invalid_argument", `advance(): takes a number of milliseconds, 0 or more; got ${shown(ms)}`);
    }
    const rest = () => this.#rest();
    await clock.advance(ms, rest);
    if (ms === 0) return;
    // What has expired shows when it is looked at: after this, those who wait do so.
    for (const listener of this.#listeners) listener({ kind: "resumed" });
    await rest();
  }

  async #rest(): Promise<void> {
    // A worker that has just been told to run may still be loading, and what reads its schedules.
    await Promise.all([loadWorker(), loadCronParser()]);
    let asked = this.#asked;
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      await nextTurn();
      if (asked !== this.#asked) quiet = 0;
      asked = this.#asked;
    }
  }
}

/** The error of a stub. */
function errorOf(
  error: string | { readonly code: TaskErrorCode; readonly reason?: string | undefined },
  data: unknown,
): TaskError<string, unknown> {
  if (typeof error === "string") {
    encode(data);
    return new TaskError("declared", error, { name: error, data, attempt: 1 });
  }
  const { code, reason = "the test wants it so" } = error;
  if (code !== "declared" && taskErrorCodes.includes(code))
    return new TaskError<string, unknown>(code, reason, { attempt: 1 });
  throw new TaskError("invalid_argument", `fails(): takes a declared error's name, or a code; got ${shown(code)}`);
}
