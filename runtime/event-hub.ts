import type { Broker, HeardEvent, Notice, Unsubscribe } from "./broker.ts";
import { checkQueue, shown } from "./checks.ts";
import { pause } from "./clock.ts";
import { decode } from "./codec.ts";
import type { Declaration } from "./declaration.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import { type EventFilter, type EventKind, eventKinds as kinds, type Events, type Listening } from "./events.ts";
import { attemptErrors, KeptRecord } from "./kept-record.ts";
import type { Inbound } from "./inbound.ts";
import { eventsChannel } from "./keys.ts";
import type { Logger } from "./log.ts";
import type { Operator } from "./operator.ts";
import { inGiversContext, outside } from "./own-context.ts";
import { PushedValues, type Pushing } from "./pushed-values.ts";
import { clearInterval, setInterval } from "./real-time.ts";

/** For how long a queue's events are asked for, and how often again, ms. */
const listenMs = 15_000;
const againMs = 5_000;
/** How much longer than others may need it is waited until all know, ms. */
const marginMs = 100;
/** Events that are kept for a reader who is slower than they come. */
const mostKept = 10_000;

/** What {@link EventHub} needs of its client. */
export interface EventSettings {
  readonly broker: Broker;
  /** @throws TaskError `unimplemented` for a broker that has none. */
  operator(): Operator;
  /** All tasks, by the names that this client knows them by. */
  readonly declarations: ReadonlyMap<string, Declaration>;
  /** @throws TaskError `invalid_argument` for a task that does not exist. */
  declaration(task: string): Declaration;
  readonly log: Logger;
  readonly inbound: Inbound;
}

/** An event as a callback gets it. */
interface AnyEvent {
  readonly kind: EventKind;
  readonly queue: string;
}

interface Listener {
  readonly queues: readonly string[];
  readonly kinds: ReadonlySet<string>;
  readonly accepts: (declaration: Declaration) => boolean;
  readonly hear: (event: AnyEvent) => void;
  /** The client is closed. */
  readonly end: () => void;
}

/** A queue that is listened to. */
interface Ear {
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** The client's side of events; typed by {@link Events}. */
export class EventHub implements Events<Record<string, unknown>> {
  readonly #settings: EventSettings;
  /** By their names on the wire: the declaration, and what this client calls it. */
  readonly #tasks: ReadonlyMap<string, readonly [task: string, declaration: Declaration]>;
  readonly #listeners = new Set<Listener>();
  readonly #ears = new Map<string, Ear>();
  #closed = false;

  constructor(settings: EventSettings) {
    this.#settings = settings;
    this.#tasks = new Map([...settings.declarations].map(([task, one]) => [one.name, [task, one]]));
  }

  async on(
    kind: EventKind | readonly EventKind[],
    ...rest: readonly [EventFilter | ((event: never) => unknown), ((event: never) => unknown)?]
  ): Promise<Listening> {
    const callback = rest[1] ?? rest[0];
    const filter = rest[1] === undefined ? {} : (rest[0] as EventFilter);
    if (typeof callback !== "function") refuse("a callback is missing");
    const call = inGiversContext(callback as (event: AnyEvent) => unknown);
    const listener = this.#listener(kind, filter, (event) => this.#call(call, event));
    await this.#add(listener);
    return { stop: () => this.#remove(listener) };
  }

  stream(kind: EventKind | readonly EventKind[] = kinds, filter: EventFilter = {}): AsyncIterableIterator<never, void> {
    let to: Pushing<AnyEvent> | undefined;
    const listener = this.#listener(
      kind,
      filter,
      (event) => to?.push(event),
      () => to?.end(),
    );
    return new PushedValues<AnyEvent, never>({
      begin: (pushing) => {
        to = pushing;
        this.#add(listener).catch(pushing.fail);
        return () => void this.#remove(listener).catch(() => undefined);
      },
      read: (event) => ({ value: event as never }),
      trim: (kept) =>
        void (kept.length > mostKept && kept.splice(0, 2, { kind: "gap", queue: (kept[1] as AnyEvent).queue })),
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { end } of this.#listeners) end();
    this.#listeners.clear();
    await this.#rest();
  }

  #listener(
    kind: EventKind | readonly EventKind[],
    { task, queue }: EventFilter,
    hear: Listener["hear"],
    end: () => void = () => {},
  ): Listener {
    const wanted = new Set<string>(typeof kind === "string" ? [kind] : kind);
    for (const one of wanted)
      if (!kinds.some((known) => known === one))
        refuse(`there is no event ${shown(one)}; there are ${kinds.join(", ")}`);
    const named = typeof task === "string" ? this.#settings.declaration(task) : undefined;
    const accepts = (one: Declaration): boolean =>
      named !== undefined ? one === named : !(task instanceof RegExp) || one.name.search(task) >= 0;
    const all = [...this.#settings.declarations.values()].filter(accepts);
    if (all.length === 0) refuse(`no task's name matches ${String(task)}`);
    checkQueue(queue, refuse);
    const queues = queue === undefined ? [...new Set(all.map((one) => one.queue))] : [queue];
    return { queues, kinds: wanted, accepts, hear, end };
  }

  /** Resolves when all that happens is heard. */
  async #add(listener: Listener): Promise<void> {
    if (this.#closed) throw new TaskError("unavailable", "the client is closed");
    this.#listeners.add(listener);
    try {
      await Promise.all(listener.queues.map((queue) => this.#ear(queue).ready));
    } catch (error) {
      await this.#remove(listener);
      throw error;
    }
  }

  async #remove(listener: Listener): Promise<void> {
    this.#listeners.delete(listener);
    await this.#rest();
  }

  #ear(queue: string): Ear {
    const known = this.#ears.get(queue);
    if (known !== undefined) return known;
    const { broker, log } = this.#settings;
    const ending = new AbortController();
    const { signal } = ending;
    const listen = async (): Promise<number> => this.#settings.operator().listen(queue, listenMs);
    const again = (): void => {
      listen().catch((thrown: unknown) => {
        if (!signal.aborted) log.warn({ queue, error: TaskError.from(thrown).message }, "events may be missed");
      });
    };
    let unsubscribe: Unsubscribe | undefined;
    let timer: NodeJS.Timeout | undefined;
    const begin = async (): Promise<void> => {
      unsubscribe = await broker.subscribe(eventsChannel(queue), (notice) => {
        if (notice.kind === "resumed") again();
        this.#hear(queue, notice);
      });
      if (!signal.aborted) timer = setInterval(again, againMs).unref();
      const unknownMs = await listen();
      if (unknownMs > 0) await pause(unknownMs + marginMs, signal);
      if (signal.aborted) throw new TaskError("canceled", "the client was closed");
    };
    const ready = outside(begin);
    const ear: Ear = {
      ready,
      stop: async () => {
        ending.abort();
        await ready.catch(() => undefined);
        clearInterval(timer);
        await unsubscribe?.();
      },
    };
    ready.catch(() => {
      if (this.#ears.get(queue) === ear) this.#ears.delete(queue);
      void ear.stop();
    });
    this.#ears.set(queue, ear);
    return ear;
  }

  /** Leaves the queues that nobody listens to any more. */
  async #rest(): Promise<void> {
    const wanted = new Set([...this.#listeners].flatMap(({ queues }) => queues));
    const left = [...this.#ears].filter(([queue]) => !wanted.has(queue));
    for (const [queue] of left) this.#ears.delete(queue);
    await Promise.all(left.map(([, ear]) => ear.stop()));
  }

  #hear(queue: string, notice: Notice): void {
    if (notice.kind === "resumed") return this.#tell({ kind: "gap", queue });
    if (notice.kind !== "event") return;
    const kind = kinds.find((known) => known === notice.name);
    if (kind === undefined) return;
    if (kind === "workerUp" || kind === "workerDown") {
      const { at, worker } = notice;
      return this.#tell({ kind, worker, queue, at } as AnyEvent);
    }
    const [task, declaration] = this.#tasks.get(notice.task) ?? [];
    if (declaration === undefined) return;
    const wanted = (listener: Listener): boolean =>
      listener.kinds.has(kind) && listener.queues.includes(queue) && listener.accepts(declaration);
    const listeners = [...this.#listeners].filter(wanted);
    if (listeners.length === 0) return;
    const { inbound } = this.#settings;
    let event: AnyEvent;
    try {
      if (notice.bytes !== undefined) inbound.check("it", notice.bytes);
      event = callEvent(kind, queue, task!, declaration, notice);
    } catch (thrown) {
      // Whoever publishes there may have published anything.
      return inbound.unreadable.count("events", { queue, event: kind, task }, thrown);
    }
    for (const listener of listeners) listener.hear(event);
  }

  #tell(event: AnyEvent): void {
    for (const listener of this.#listeners)
      if (listener.kinds.has(event.kind) && listener.queues.includes(event.queue)) listener.hear(event);
  }

  #call(callback: (event: AnyEvent) => unknown, event: AnyEvent): void {
    const failed = (thrown: unknown): void =>
      this.#settings.log.warn(
        { event: event.kind, queue: event.queue, error: TaskError.from(thrown, "failed").message },
        "a callback of client.events failed",
      );
    try {
      const returned = callback(event);
      if (returned instanceof Promise) returned.catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  }
}

function callEvent(kind: EventKind, queue: string, task: string, declared: Declaration, heard: HeardEvent): AnyEvent {
  const { id, at, attempt, worker, bytes } = heard;
  const event = { kind, task, id, queue, at, attempt };
  switch (kind) {
    case "started":
    case "reclaimed":
      return { ...event, worker } as AnyEvent;
    case "progress":
      return { ...event, progress: bytes === undefined ? undefined : readable(declared, bytes) } as AnyEvent;
    case "retrying":
      return { ...event, error: attemptErrors([bytes ?? new Uint8Array()])[0] } as AnyEvent;
    case "failed":
    case "parked":
      return { ...event, error: errorOf(declared, id, bytes) } as AnyEvent;
    default:
      return event;
  }
}

/** A progress as its contract says it; as it was told where that refuses it: an event is no gate. */
function readable(declared: Declaration, bytes: Uint8Array): unknown {
  const told = decode(bytes);
  try {
    return declared.progress.pass(told);
  } catch {
    return told;
  }
}

function errorOf(declared: Declaration, id: string, bytes: Uint8Array | undefined): AnyTaskError {
  const error = bytes === undefined ? undefined : new KeptRecord(bytes).error(id, declared);
  return (
    error ??
    new TaskError<string, unknown>("internal", "its error is in its result: it is large", {
      task: declared.name,
      callId: id,
    })
  );
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
