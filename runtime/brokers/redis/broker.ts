import { randomBytes } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import type {
  Beat,
  BeatReply,
  Broker,
  ClaimedBatch,
  ClaimRequest,
  Keepers,
  Notice,
  Presence,
  ReadOptions,
  Report,
  StoredCall,
  SubmitBatch,
  Submitted,
  Unsubscribe,
  Verdict,
} from "../../broker.ts";
import { checkDuration } from "../../checks.ts";
import { settles } from "../../clock.ts";
import { type AnyTaskError, TaskError } from "../../errors.ts";
import { queueKeys } from "../../keys.ts";
import { inMakersContext, type Logger, streamLogger } from "../../log.ts";
import { inGiversContext } from "../../own-context.ts";
import { readPresence } from "../../presence-record.ts";
import { Channels } from "./channels.ts";
import { Connection } from "./connection.ts";
import type { CredentialsProvider } from "./credentials.ts";
import { unavailable } from "./failure.ts";
import { Listeners } from "./listeners.ts";
import { RedisLocks } from "./locks.ts";
import { RedisOperator } from "./operator.ts";
import { cancelScript } from "./scripts/cancel.ts";
import { presenceScript } from "./scripts/presence.ts";
import type { Argument } from "./resp.ts";
import { readScript } from "./scripts/read.ts";
import { revokeScript } from "./scripts/revoke.ts";
import type { Script } from "./scripts/script.ts";
import { isInstance, optionsOf, type RedisSource } from "./source.ts";
import { storedCall } from "./stored.ts";
import { ServerClock } from "./server-clock.ts";
import { submitBatch } from "./submissions.ts";
import { RedisTimetable } from "./timetable.ts";
import type { WorkerSide } from "./worker-side.ts";

/** How a broker on Redis is set up. */
export interface RedisSettings {
  /** What sets this application's keys apart from others'. */
  readonly namespace: string;
  /** How long to wait for a connection, a first one or one that was lost, before a command fails, ms. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Asked for each connection, in place of the source's user and password. @default the source's */
  readonly credentials?: CredentialsProvider | undefined;
  /** TLS, with these options of Node's `tls.connect`. @default as the source says */
  readonly tls?: ConnectionOptions | undefined;
  /** Takes what is dangerous about the server. @default lines on standard error */
  readonly log?: Logger | undefined;
  /** For tests: how far scripts are to be ahead of Redis's time, ms. @default 0 */
  readonly clockOffset?: (() => number) | undefined;
}

/** Opens the broker of a URL. @throws TaskError `invalid_argument` for a URL that can't be one of Redis. */
export function openRedis(url: string, settings: RedisSettings): Broker {
  return new RedisBroker(url, settings);
}

const defaultConnectTimeoutMs = 5_000;
/** How long Redis may be silent while commands wait: blocking ends well before. */
const silenceMs = 5_000;
const readsAtOnce = 500;
/** How long claims may take to come home at the end, ms. */
const farewellMs = 500;

/**
 * A broker on Redis: at most three connections, made when first needed. One runs scripts, one hears channels (a
 * connection that subscribes has its output limited, replies included), and one blocks on bells (commands behind a
 * blocking one have to wait). A worker's keeper has a fourth, while the event loop is blocked.
 */
export class RedisBroker implements Broker {
  readonly #namespace: string;
  /** The keys of queues' lists, by their names. */
  readonly #lists = new Map<string, string>();
  readonly #commands: Connection;
  readonly #channels: Channels;
  readonly #clock: ServerClock;
  readonly #loadWorkerSide: () => Promise<WorkerSide>;
  #workerSide: WorkerSide | undefined;
  #closed: Promise<void> | undefined;

  /** @throws TaskError `invalid_argument` for a source that can't be one. */
  constructor(source: RedisSource, settings: RedisSettings) {
    const { namespace, connectTimeoutMs = defaultConnectTimeoutMs, clockOffset = () => 0, tls, credentials } = settings;
    // Of a key, Redis Cluster hashes what stands between the first pair of braces: that is the queue's name.
    if (!/^[^{}\s\p{Cs}]+$/u.test(namespace))
      refuse("namespace must not be empty, nor hold braces, blanks or lone surrogates");
    checkDuration("connectTimeoutMs", connectTimeoutMs, refuse);
    const given = optionsOf(source);
    const options = tls === undefined ? given : { ...given, tls: { ...given.tls, ...tls } };
    if (credentials !== undefined && typeof credentials !== "function") refuse("credentials must be a function");
    const id = randomBytes(4).toString("hex");
    const log = inMakersContext(settings.log ?? streamLogger());
    if (isInstance(source)) log.info({}, "of an ioredis instance Taskpact takes the options, and connects by itself");
    const warned = new Set<string>();
    const warn = (words: string) => {
      if (!warned.has(words)) log.warn({}, words);
      warned.add(words);
    };
    const listeners = new Listeners(() => this.#commands.ready);
    const of = {
      patienceMs: connectTimeoutMs,
      silenceMs,
      clockOffset,
      listeners,
      warn,
      credentials: credentials && inGiversContext(credentials),
    };
    const connection = (name: string) => new Connection(options, { name: `${name}:${id}`, ...of });
    this.#namespace = namespace;
    this.#commands = connection("commands");
    this.#clock = new ServerClock({ connection: () => this.#commands.ready, clockOffset });
    this.#commands.onUsable = () => {
      this.#clock.reset();
      this.#clock.look();
    };
    this.#channels = new Channels(connection("channels"), namespace, (thrown) =>
      log.error({ err: thrown }, "what was heard on a channel could not be taken"),
    );
    this.#loadWorkerSide = async () => {
      const { WorkerSide } = await import("./worker-side.ts");
      return (this.#workerSide ??= new WorkerSide({
        namespace,
        commands: this.#commands,
        blocking: connection("blocking"),
        run: this.#run,
        clock: this.#clock,
        keeper: { options, connection: { name: `keeper:${id}`, ...of } },
      }));
    };
  }

  /** A thread, with a connection of its own. */
  async keepers(): Promise<Keepers> {
    const side = this.#workerSide ?? (await this.#loadWorkerSide());
    return side.keepers();
  }

  submit(queue: string, batch: SubmitBatch): Promise<readonly Submitted[]> {
    const submitted = submitBatch({ run: this.#run, clock: this.#clock }, queue, batch);
    this.#clock.look();
    return submitted;
  }

  claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    return this.#workerSide?.claim(request) ?? this.#firstClaim(request);
  }

  async #firstClaim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    this.#checkOpen();
    const side = await this.#loadWorkerSide();
    return this.#closed === undefined ? side.claim(request) : [];
  }

  finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    if (this.#closed !== undefined) return Promise.reject(closedError());
    const side = this.#workerSide;
    return side?.finish(queue, reports) ?? this.#loadWorkerSide().then((loaded) => loaded.finish(queue, reports));
  }

  async renew(beat: Beat): Promise<BeatReply> {
    this.#checkOpen();
    const side = this.#workerSide ?? (await this.#loadWorkerSide());
    return side.renew(beat);
  }

  async cancel(queue: string, id: string): Promise<StoredCall | undefined> {
    const record = (await this.#run(cancelScript, queue, () => [id])) as Buffer | null;
    return record === null ? undefined : storedCall(record, false, null);
  }

  async revoke(queue: string, id: string, nonce: string): Promise<boolean> {
    return (await this.#run(revokeScript, queue, () => [id, nonce])) === 1;
  }

  async read(
    queue: string,
    ids: readonly string[],
    options: ReadOptions = {},
  ): Promise<readonly (StoredCall | undefined)[]> {
    this.#checkOpen();
    const calls: (StoredCall | undefined)[] = [];
    while (calls.length < ids.length) {
      const some = ids.slice(calls.length, calls.length + readsAtOnce);
      const args = () => [`${options.brief === true ? " " : ""}${options.waiter ?? ""}`, ...some];
      const reply = (await this.#run(readScript, queue, args)) as readonly (Buffer | number | null)[];
      // A large reply ends early: the rest is asked for again.
      for (let at = 0; at + 2 < reply.length; at += 3) {
        const record = reply[at] as Buffer | null;
        calls.push(
          record === null ? undefined : storedCall(record, reply[at + 1] === 1, reply[at + 2] as Buffer | null),
        );
      }
    }
    return calls;
  }

  async subscribe(channel: string, listener: (notice: Notice) => void): Promise<Unsubscribe> {
    this.#checkOpen();
    return this.#channels.subscribe(channel, listener);
  }

  async presence(queue: string, unreadable?: (error: unknown) => void): Promise<readonly Presence[]> {
    const reply = (await this.#run(presenceScript, queue, () => [])) as readonly Buffer[];
    const workers: Presence[] = [];
    for (let at = 0; at + 1 < reply.length; at += 2) {
      try {
        workers.push(readPresence(String(reply[at]), reply[at + 1]!));
      } catch (error) {
        unreadable?.(error);
      }
    }
    return workers;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#end());
  }

  async #end(): Promise<void> {
    // Waiting claims need the commands' connection to come home, if it leads anywhere.
    await settles(Promise.all([this.#workerSide?.close(), this.#channels.close()]), farewellMs);
    await this.#commands.close();
  }

  readonly #run = (
    script: Script,
    queue: string,
    args: (again: boolean) => readonly Argument[],
    patient?: () => boolean,
  ): Promise<unknown> => {
    if (this.#closed !== undefined) return Promise.reject(closedError());
    return this.#commands.run(script, this.#listOf(queue), args, patient);
  };

  readonly operator = new RedisOperator(this.#run);

  readonly timetable = new RedisTimetable(this.#run);

  readonly locks = new RedisLocks(this.#run);

  #listOf(queue: string): string {
    let list = this.#lists.get(queue);
    if (list === undefined) this.#lists.set(queue, (list = queueKeys(this.#namespace, queue).queue));
    return list;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }
}

function closedError(): AnyTaskError {
  return unavailable("the connection to Redis was closed");
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
