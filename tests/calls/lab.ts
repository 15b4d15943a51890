import { onTestFinished } from "vitest";
import {
  type Broker,
  createWorker,
  type Implementation,
  type Logger,
  type WorkerHealth,
  type WorkerOptions,
} from "taskpact";
import { type ClientOptions, contractOf, createClient, declaredBy, implement, type Registry } from "taskpact/codegen";
import type {
  CallOptions,
  Context,
  CallStatus,
  Failure,
  KeptCall,
  ParkedPage,
  Paused,
  ProgressOptions,
  ReplayOptions,
  SubmitOptions,
  TaskError,
  WaitOptions,
  WhereOptions,
} from "taskpact";
import { openBroker } from "../../runtime/brokers/open.ts";
import { defaultNamespace } from "../../runtime/defaults.ts";
import * as declared from "./lab-contract.ts";

type Name = keyof typeof declared;
const names = Object.keys(declared) as Name[];
export const labContract = contractOf("lab", declared, names);
export const registry: Registry = { shape: "flat", contracts: [labContract] };
export const isDeclared = declaredBy<Record<string, { errors: Record<string, unknown> }>>(registry);

/** The lab's tasks without their types: these are proven elsewhere, and tests also give what types forbid. */
export interface LooseTasks extends Record<Name, (...args: unknown[]) => Promise<unknown>> {
  readonly safe: Record<Name, (...args: unknown[]) => Promise<LooseAnswer>>;
  readonly submit: Record<Name, (...args: unknown[]) => Promise<LooseHandle>>;
  readonly client: {
    handle(task: string, id: string, where?: WhereOptions): LooseHandle;
    readonly nodeQueue: string | undefined;
    readonly parked: LooseParked;
    pause(what: { task?: string; queue?: string }): Promise<void>;
    resume(what: { task?: string; queue?: string }): Promise<void>;
    paused(): Promise<Paused>;
    close(): Promise<void>;
  };
  with(options: CallOptions | SubmitOptions | ProgressOptions<never>): LooseTasks;
}
export interface LooseParked {
  list(query: { queue?: string; task?: string; limit?: number; after?: string | undefined }): Promise<ParkedPage>;
  show(task: string, id: string, where?: WhereOptions): Promise<KeptCall>;
  replay(task: string, id: string, options?: ReplayOptions): Promise<LooseHandle>;
  discard(task: string, id: string, where?: WhereOptions): Promise<void>;
}
export type LooseAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: TaskError };
export interface LooseHandle {
  readonly id: string;
  exists(): Promise<boolean>;
  forget(): Promise<boolean>;
  status(): Promise<CallStatus>;
  result(options?: WaitOptions): Promise<unknown>;
  safeResult(options?: WaitOptions): Promise<LooseAnswer>;
  cancel(): Promise<string>;
  progress(): AsyncIterable<unknown>;
}

/** A thing to wait for, once. */
class Latch {
  release!: () => void;
  readonly released = new Promise<void>((resolve) => (this.release = resolve));
}

/** Lines are for people; tests want quiet. */
export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface HandlerContext {
  readonly callId: string;
  readonly parentId: string | undefined;
  readonly rootId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly nodeQueue: string | undefined;
  readonly tasks: LooseTasks;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly attempt: number;
  readonly fence: number;
  readonly errors: Record<string, (data: unknown) => Error>;
  fail(failure: Failure): Error;
  readonly remainingMs: number;
  progress(value: unknown): void;
  readonly lock: Context["lock"];
}

/** Clients and workers on one broker, with handlers that wait for the test. All ends with the test. */
export class CallLab {
  readonly #open: () => string | Broker;
  readonly #latches = new Map<string, Latch>();
  readonly #begun = new Map<string, Latch>();
  /** What handlers did, in order: `held:x:worker`. */
  readonly ran: string[] = [];
  /** Latches whose handler's signal was aborted, with the reason's code. */
  readonly aborted = new Map<string, string>();
  /** What `acting` does, by its name. */
  readonly acts: Record<string, (context: HandlerContext, given: never) => unknown> = {};
  /** What `late` reports after its end. */
  reportAgain: () => void = () => {};
  running = 0;
  mostRunning = 0;

  /** @param open - a URL or a fresh connection to the test's own store. */
  constructor(open: () => string | Broker) {
    this.#open = open;
  }

  release(latch: string): void {
    this.#latch(this.#latches, latch).release();
  }

  /** Resolves when a handler has come to this latch. */
  begun(latch: string): Promise<void> {
    return this.#latch(this.#begun, latch).released;
  }

  client(options: Partial<ClientOptions> = {}): LooseTasks {
    const broker = this.#open();
    const tasks = createClient<LooseTasks>(registry, { broker, log: quiet, ...options });
    onTestFinished(async () => {
      await tasks.client.close();
      if (typeof broker !== "string") await broker.close();
    });
    return tasks;
  }

  /** A connection to the store itself. */
  broker(): Broker {
    const opened = this.#open();
    const broker = typeof opened === "string" ? openBroker(opened, { namespace: defaultNamespace }) : opened;
    onTestFinished(() => broker.close());
    return broker;
  }

  /** Workers that take what waits in the lab's queue and die, one after the other; `deaths` of them park what they took. */
  async dieWith(deaths = 3): Promise<void> {
    const broker = this.broker();
    for (let death = 1; death <= deaths; death++) {
      const queues = [{ name: "lab", tasks: names.map((name) => `lab.${name}`), fences: [] }];
      const { signal } = new AbortController();
      const claim = { worker: `dying${death}`, queues, limit: 1_000, waitMs: 5_000, leaseMs: 1, suspect: true, signal };
      let left = (await broker.claim(claim)).reduce((sum, { calls }) => sum + calls.length, 0);
      const beat = { worker: "reaper", queues, leaseMs: 1_000, presenceMs: 0, maxDeliveries: deaths, reap: true };
      while (left > 0) left -= (await broker.renew(beat)).reaped;
    }
  }

  /** A worker that listens by now. */
  async worker(
    options: Partial<Omit<WorkerOptions, "log">> & { readonly log?: Logger } = {},
    place = "worker",
  ): Promise<{
    readonly id: string;
    readonly nodeQueue: string | undefined;
    stop(graceMs?: number): Promise<void>;
    health(): WorkerHealth;
  }> {
    const listening = new Latch();
    const { log: told = quiet, ...others } = options;
    const info: Logger["info"] = (fields, message) => {
      told.info(fields, message);
      if (message === "listening") listening.release();
    };
    const broker = this.#open();
    const log = { ...told, info };
    const worker = createWorker({ broker, implementations: [this.implementation(place)], ...others, log });
    const running = worker.run();
    const stop = async (graceMs = 0) => {
      await worker.stop({ graceMs });
      await running;
      if (typeof broker !== "string") await broker.close();
    };
    onTestFinished(() => stop());
    await Promise.race([listening.released, running]);
    const { id, nodeQueue } = worker;
    return { id, nodeQueue, stop, health: () => worker.health() };
  }

  /** The lab's handlers. `only` leaves the others out of the contract. */
  implementation(place: string, only: readonly Name[] = names): Implementation {
    const handlers = this.#handlers(place);
    const contract = contractOf("lab", declared, [...only]);
    return implement(contract, Object.fromEntries(only.map((name) => [name, handlers[name]])), registry);
  }

  async #hold(latch: string, signal?: AbortSignal): Promise<void> {
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    this.#latch(this.#begun, latch).release();
    try {
      await new Promise<void>((resolve, reject) => {
        void this.#latch(this.#latches, latch).released.then(resolve);
        signal?.addEventListener("abort", () => {
          this.aborted.set(latch, (signal.reason as TaskError).code);
          reject(signal.reason as TaskError);
        });
      });
    } finally {
      this.running -= 1;
    }
  }

  #handlers(place: string): Record<Name, (params: never, context: never) => unknown> {
    const thrown: Record<string, unknown> = {
      string: "just text",
      null: null,
      object: { odd: 1 },
      error: new Error("boom"),
    };
    return {
      addition: ({ a, b }: { a: number; b: number }) => a + b,
      division: ({ dividend, divisor }: { dividend: number; divisor: number }, { errors }: HandlerContext) => {
        if (divisor === 0) throw errors["divisionByZero"]!({ dividend });
        if (divisor < 0) throw errors["rejectedOn"]!({ day: "not a day" });
        return dividend / divisor;
      },
      held: async ({ latch }: { latch: string }, { signal, fence, attempt }: HandlerContext) => {
        this.ran.push(`held:${latch}:${place}`);
        await this.#hold(latch, signal);
        return { latch, fence, attempt, place };
      },
      movable: ({ fails }: { fails: readonly string[] }) => {
        this.ran.push(`movable:${place}`);
        if (fails.includes(place)) throw new Error(`not ${place}`);
        return place;
      },
      anything: ({ value }: { value: unknown }) => value,
      elsewhere: ({ text }: { text: string }) => `${text} elsewhere`,
      nested: async ({ depth }: { depth: number }, { errors }: HandlerContext) => {
        if (depth === 0) throw errors["bottom"]!({ marked: "x" });
        await this.client().nested(depth - 1);
      },
      flaky: ({ name, failures }: { name: string; failures: number }, { attempt }: HandlerContext) => {
        this.ran.push(`flaky:${name}:${attempt}`);
        if (attempt <= failures) throw new Error(`attempt ${attempt}`);
        return attempt;
      },
      deciding: ({ name, retry }: { name: string; retry: Failure["retry"] }, { attempt, fail }: HandlerContext) => {
        this.ran.push(`deciding:${name}:${attempt}`);
        if (attempt < 3) throw fail({ reason: `not at ${attempt}`, retry, cause: new Error("deep") });
        return attempt;
      },
      acting: ({ act, with: given }: { act: string; with: never }, context: HandlerContext) => {
        this.ran.push(`${act}:${place}`);
        return this.acts[act]!(context, given);
      },
      fibonacci: async ({ n }: { n: number }, { tasks }: HandlerContext) => {
        if (n < 2) return n;
        const both = await Promise.all([tasks.fibonacci(n - 1), tasks.fibonacci(n - 2)]);
        return (both[0] as number) + (both[1] as number);
      },
      parental: async ({ latch }: { latch: string }, context: HandlerContext) => {
        const answer = await this.client().with({ parent: context, timeoutMs: 60_000 }).safe.held(latch);
        return answer.ok ? answer.value : { code: answer.error.code, left: context.remainingMs };
      },
      stubborn: ({ latch }: { latch: string }) => this.#hold(latch),
      nothing: () => undefined,
      none: () => null,
      throwing: ({ what }: { what: string }) => {
        throw thrown[what];
      },
      lying: () => "four",
      long: ({ length }: { length: number }) => "x".repeat(length),
      day: ({ at, marked }: { at: Date; marked: string }) => ({ at: at.getTime(), marked }),
      rich: ({ value }: { value: unknown }) => value,
      steps: async ({ count, latch }: { count: number; latch: string }, { progress, signal }: HandlerContext) => {
        for (let step = 1; step <= count; step++) progress({ step });
        await this.#hold(latch, signal);
        return count;
      },
      twice: ({ steps }: { steps: number }, { attempt, progress }: HandlerContext) => {
        for (let step = 1; step <= steps; step++) progress({ attempt, step });
        if (attempt === 1) throw new Error("again");
        return attempt;
      },
      late: (_: object, { progress }: HandlerContext) => {
        progress({ current: 1, total: 2 });
        this.reportAgain = () => progress({ current: 2, total: 2 });
        return new Promise<void>((resolve) => setTimeout(resolve, 100));
      },
      locking: (
        { lock, latch, waitMs }: { lock: string; latch: string; waitMs: number | undefined },
        context: HandlerContext,
      ) => {
        this.ran.push(`asks:${latch}`);
        const hold = async (fence: number): Promise<number> => {
          this.ran.push(`holds:${latch}`);
          await this.#hold(latch, context.signal);
          if (latch.startsWith("failing")) throw new Error("it fails");
          return fence;
        };
        return context.lock(lock, hold, { waitMs });
      },
      clinging: ({ lock, latch }: { lock: string; latch: string }, context: HandlerContext) =>
        context.lock(lock, () => this.#hold(latch)),
      relocking: async ({ lock: name }: { lock: string }, { lock }: HandlerContext) => {
        const again = await lock(name, () =>
          lock(name, () => "no").catch(({ code, reason }: TaskError) => ({ code, reason })),
        );
        return [again, await lock(name, () => "yes"), await lock(name, () => lock("another", () => "yes"))];
      },
      wordy: ({ length, fails }: { length: number; fails: boolean }, { attempt, progress }: HandlerContext) => {
        if (fails && attempt === 1) throw new Error("y".repeat(length));
        if (!fails) progress("x".repeat(length));
        return attempt;
      },
      stamped: ({ id }: { id: string }) => id,
    };
  }

  #latch(latches: Map<string, Latch>, name: string): Latch {
    let latch = latches.get(name);
    if (latch === undefined) latches.set(name, (latch = new Latch()));
    return latch;
  }
}
