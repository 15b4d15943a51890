/** A worker at the safe level, written from docs/protocol.md alone. Nothing of Taskpact is imported here. */
import { Redis } from "ioredis";
import { packed, unpackedCalls } from "./packed.ts";
import { Published } from "./published.ts";
import { flag, type Header, messagesIn, pack, parse, type Reply, type Request, writeRecord } from "./record.ts";

/** What a handler knows of its call. */
export interface StrangeContext {
  readonly attempt: number;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}

export type StrangeHandler = (params: never, context: StrangeContext) => Reply | Promise<Reply>;

const leaseMs = 10_000;
const beatMs = 1_000;

/** Serves the tasks of one queue. */
export class StrangeWorker {
  readonly #name = `stranger-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  readonly #queue: string;
  readonly #handlers: ReadonlyMap<string, StrangeHandler>;
  readonly #tasks: readonly string[];
  readonly #commands: Redis;
  readonly #blocking: Redis;
  readonly #hearing: Redis;
  readonly #channel: string;
  readonly #scripts: Published;
  readonly #running = new Map<string, { readonly fence: string; readonly controller: AbortController }>();
  /** What its reports were answered: the indexes of those refused. */
  readonly refused: string[] = [];
  #claims = 0;
  #timer: NodeJS.Timeout | undefined;
  #loop: Promise<void> | undefined;
  #stopping = false;

  constructor(url: string, namespace: string, queue: string, handlers: Readonly<Record<string, StrangeHandler>>) {
    this.#queue = queue;
    this.#handlers = new Map(Object.entries(handlers));
    this.#tasks = [...this.#handlers.keys(), "@protocol-1"];
    [this.#commands, this.#blocking, this.#hearing] = [new Redis(url), new Redis(url), new Redis(url)];
    this.#channel = `${namespace}:worker:${queue}`;
    this.#scripts = new Published(this.#commands, namespace);
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    this.#hearing.on("messageBuffer", (_: Buffer, bytes: Buffer) => {
      for (const [kind, id, fence] of messagesIn(bytes)) {
        const running = this.#running.get(id);
        if (kind === 2 && running !== undefined && Number(running.fence) === fence) running.controller.abort();
      }
    });
    await this.#hearing.subscribe(this.#channel);
    await this.#beat(5 * beatMs);
    this.#timer = setInterval(() => void this.#beat(5 * beatMs), beatMs);
    this.#loop = this.#listen();
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearInterval(this.#timer);
    this.#blocking.disconnect();
    await this.#loop;
    await this.#beat(0);
    for (const redis of [this.#commands, this.#hearing]) redis.disconnect();
  }

  /** One beat: presence, leases, and what dead workers have left. */
  async #beat(presenceMs: number): Promise<void> {
    const fences = new Set([...this.#running.values()].map(({ fence }) => fence));
    const presence = pack({ tasks: this.#tasks });
    const lost = await this.#scripts.run("renew", this.#queue, [this.#name, leaseMs, presenceMs, presence, ...fences]);
    for (const fence of lost as readonly Buffer[]) {
      for (const running of this.#running.values()) if (running.fence === String(fence)) running.controller.abort();
    }
    await this.#scripts.run("reap", this.#queue, [3, leaseMs]);
  }

  async #listen(): Promise<void> {
    let blockMs = 0;
    while (!this.#stopping) {
      // The bell is a hint: whether it rang or not, the claim says what is there.
      if (blockMs > 0) {
        await this.#blocking.blpop(this.#scripts.key(this.#queue, "bell"), blockMs / 1_000).catch(() => undefined);
      }
      if (!this.#stopping) blockMs = await this.#claim();
    }
  }

  /** Claims and begins; returns how long to wait before the next claim, ms. */
  async #claim(): Promise<number> {
    const tasks = ` ${this.#tasks.join(" ")} `;
    // Of 16 claims 12 begin with the high list, 3 with the normal one and 1 with the low one.
    const begin = this.#claims % 16 === 15 ? "queue:low" : this.#claims % 4 === 3 ? "queue" : "queue:high";
    const claim = [this.#name, 10, leaseMs, "1", begin, tasks, `claim-${(this.#claims += 1)}`, ""];
    const reply = (await this.#scripts.run("claim", this.#queue, claim)) as (Buffer | number)[];
    const [fence, now, due, left, , calls] = reply;
    for (const [id, record] of unpackedCalls(calls as Buffer)) {
      void this.#execute(String(fence), Number(now), id, record);
    }
    if (left === 1) return 0;
    return Number(due) >= 0 ? Math.max(5, Math.min(Number(due), 1_000)) : 1_000;
  }

  async #execute(fence: string, now: number, id: string, record: Buffer): Promise<void> {
    let parsed;
    try {
      parsed = parse(record);
    } catch (error) {
      const reply = { error: { code: "invalid_argument", message: String(error) } };
      return this.#report("park", id, fence, writeRecord({ state: 8, fence: Number(fence) }, reply), 604_800_000);
    }
    const header = parsed.header!; // A record without one was given one by the claim.
    const request = parsed.entries as unknown as Request;
    if (header.version > 1) return this.#report("aside", id, fence, `@protocol-${header.version}`, "");
    const handler = this.#handlers.get(request.task);
    if (handler === undefined) return this.#report("aside", id, fence, request.task, "");

    const controller = new AbortController();
    this.#running.set(id, { fence, controller });
    const untilDeadline = (header.flags & flag.awaited) !== 0 && header.deadline > 0 ? header.deadline - now : Infinity;
    const limitMs = Math.min(request.options?.attemptTimeoutMs ?? 600_000, untilDeadline);
    let late: NodeJS.Timeout | undefined;
    const timedOut = new Promise<Reply>((resolve) => {
      const message = `time was up after ${Math.round(limitMs)} ms`;
      late = setTimeout(
        () => resolve({ error: { code: "deadline_exceeded", message } }),
        Math.min(limitMs, 2 ** 31 - 1),
      );
    });
    const context: StrangeContext = {
      attempt: header.attempt + 1,
      signal: controller.signal,
      progress: (value) => void this.#report("progress", id, fence, pack(value), ""),
    };
    const answer = await Promise.race([handler(request.params as never, context), timedOut]);
    clearTimeout(late);
    this.#running.delete(id);
    await this.#conclude(id, fence, header, request, answer);
  }

  async #conclude(id: string, fence: string, header: Header, request: Request, reply: Reply): Promise<void> {
    const attempt = header.attempt + 1;
    const retry = request.options?.retry;
    if ("error" in reply && reply.error.code === "failed" && retry !== undefined && attempt < retry.attempts) {
      return this.#report("retry", id, fence, retry.backoff?.delayMs ?? 1_000, pack(reply.error));
    }
    const ended = { ...header, state: "value" in reply ? 4 : 5, attempt, fence: Number(fence) };
    const ttlMs = request.options?.resultTtlMs ?? 3_600_000;
    const refused = await this.#scripts.run("finish", this.#queue, [
      fence,
      ttlMs,
      packed(id, writeRecord(ended, reply)),
    ]);
    if ((refused as readonly number[]).length > 0) this.refused.push(id);
  }

  async #report(
    kind: string,
    id: string,
    fence: string,
    a: Buffer | string | number,
    b: string | number | Buffer,
  ): Promise<void> {
    await this.#scripts.run("report", this.#queue, [kind, id, fence, a, b]);
  }
}
