/** A client at the safe level, written from docs/protocol.md alone. Nothing of Taskpact is imported here. */
import { Redis } from "ioredis";
import { packed } from "./packed.ts";
import { Published } from "./published.ts";
import {
  answerIn,
  flag,
  type Header,
  messagesIn,
  parse,
  type Parsed,
  type Reply,
  type Request,
  states,
  unpack,
  writeRecord,
} from "./record.ts";

/** How the end of a call was learned. */
export interface Ended extends Parsed {
  readonly reply: Reply;
  readonly by: "message" | "look" | "submit";
}

/** What a submission says besides its request. */
export interface Sending {
  readonly header?: Partial<Header>;
  readonly delayMs?: number;
}

/** Calls the tasks of one queue, and waits for their ends. */
export class StrangeClient {
  readonly name = `stranger-${Math.random().toString(36).slice(2, 8)}`;
  readonly #queue: string;
  readonly #commands: Redis;
  readonly #hearing: Redis;
  readonly #channel: string;
  readonly #scripts: Published;
  readonly #waiting = new Map<string, (ended: Ended) => void>();
  /** Told of each progress that is heard. */
  onProgress: (id: string, value: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #acknowledged: string[] = [];

  constructor(url: string, namespace: string, queue: string) {
    this.#queue = queue;
    [this.#commands, this.#hearing] = [new Redis(url), new Redis(url)];
    this.#channel = `${namespace}:client:${this.name}`;
    this.#scripts = new Published(this.#commands, namespace);
  }

  /** Resolves when it hears: before that nothing is submitted. A deaf one has its looks alone. */
  async start({ deaf = false } = {}): Promise<void> {
    this.#hearing.on("messageBuffer", (_: Buffer, bytes: Buffer) => {
      for (const [kind, id, content] of messagesIn(bytes)) {
        if (kind === 1) this.onProgress(id, unpack(content as Buffer));
        if (kind !== 0) continue;
        if (content === null) void this.#look([id]);
        else this.#end(id, content as Buffer, "message");
      }
    });
    if (!deaf) await this.#hearing.subscribe(this.#channel);
    this.#timer = setInterval(() => void this.#look([...this.#waiting.keys()]), 1_000);
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const redis of [this.#commands, this.#hearing]) redis.disconnect();
  }

  /** Submits a call; `conflict` if its id is another call's. */
  async submit(
    id: string,
    request: Request,
    { header = {}, delayMs = 0 }: Sending = {},
  ): Promise<"accepted" | "conflict"> {
    const acknowledged = this.#acknowledged;
    this.#acknowledged = [];
    const delays = delayMs > 0 ? String(delayMs) : "";
    const args = [delays, "", packed(id, writeRecord(header, request)), packed(...acknowledged)];
    const [, kind, record] = (await this.#scripts.run("submit", this.#queue, args)) as (Buffer | number)[];
    if (kind === undefined) return "accepted";
    if (String(kind) === "conflict") return "conflict";
    this.#end(id, record as Buffer, "submit");
    return "accepted";
  }

  /** The call's end. */
  ended(id: string): Promise<Ended> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Submits and waits. */
  async call(id: string, task: string, params: object, timeoutMs = 30_000): Promise<Ended> {
    const ended = this.ended(id);
    const header = { flags: flag.awaited, deadline: timeoutMs };
    const outcome = await this.submit(id, { to: this.name, task, params }, { header });
    if (outcome === "conflict") throw new Error(`${id} is another call's id`);
    return ended;
  }

  /** An answer has been received: its record goes with the next submission. */
  acknowledge(id: string): void {
    this.#acknowledged.push(id);
  }

  async cancel(id: string): Promise<void> {
    const record = await this.#scripts.run("cancel", this.#queue, [id]);
    if (record !== null) this.#end(id, record as Buffer, "look");
  }

  async revoke(id: string, nonce: string): Promise<boolean> {
    return (await this.#scripts.run("revoke", this.#queue, [id, nonce])) === 1;
  }

  /** Joins those who wait for a call; resolves with its end's promise when that is done. */
  async follow(id: string): Promise<{ readonly ended: Promise<Ended> }> {
    const ended = this.ended(id);
    await this.#look([id], this.name);
    return { ended };
  }

  /** The state that a look shows. */
  async state(id: string): Promise<string> {
    const [record, held] = (await this.#scripts.run("read", this.#queue, ["", id])) as readonly (
      | Buffer
      | number
      | null
    )[];
    if (!Buffer.isBuffer(record)) return "gone";
    const state = states[parse(record).header?.state ?? 0] ?? "unknown";
    return held === 1 && state === "queued" ? "running" : state;
  }

  async #look(ids: readonly string[], waiter = ""): Promise<void> {
    if (ids.length === 0) return;
    const found = (await this.#scripts.run("read", this.#queue, [waiter, ...ids])) as readonly (
      | Buffer
      | number
      | null
    )[];
    for (let at = 0; 3 * at < found.length; at += 1) {
      const record = found[3 * at];
      if (Buffer.isBuffer(record)) this.#end(ids[at]!, record, "look");
    }
  }

  #end(id: string, record: Buffer, by: Ended["by"]): void {
    const parsed = parse(record);
    const reply = answerIn(parsed);
    if (reply === undefined) return;
    this.#waiting.get(id)?.({ ...parsed, reply, by });
    this.#waiting.delete(id);
  }
}
