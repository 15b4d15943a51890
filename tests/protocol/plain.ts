/** The plain level of docs/protocol.md: SETEX, RPUSH, BLPOP, GET, PUBLISH and SUBSCRIBE alone. Nothing of Taskpact is imported here. */
import { Redis } from "ioredis";
import { answerIn, messagesIn, pack, parse, type Reply, type Request, writePlain } from "./record.ts";

const ttlSeconds = 60;

/** Takes ids from a queue's lists and answers them. What it pops, it alone has. */
export class PlainWorker {
  readonly #prefix: string;
  readonly #namespace: string;
  readonly #blocking: Redis;
  readonly #commands: Redis;
  readonly #handle: (task: string, params: never) => Reply;
  readonly #tells: boolean;
  #loop: Promise<void> | undefined;
  #stopping = false;

  /** @param tells - whether it publishes its replies */
  constructor(
    url: string,
    namespace: string,
    queue: string,
    handle: (task: string, params: never) => Reply,
    { tells = true } = {},
  ) {
    this.#namespace = namespace;
    this.#prefix = `${namespace}:{${queue}}:`;
    [this.#blocking, this.#commands] = [new Redis(url), new Redis(url)];
    this.#handle = handle;
    this.#tells = tells;
  }

  start(): void {
    this.#loop = this.#listen();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const redis of [this.#blocking, this.#commands]) redis.disconnect();
    await this.#loop;
  }

  async #listen(): Promise<void> {
    const lists = ["queue:high", "queue", "queue:low"].map((list) => this.#prefix + list);
    while (!this.#stopping) {
      const popped = await this.#blocking.blpop(lists, 1).catch(() => null);
      if (popped !== null) await this.#answer(popped[1]);
    }
  }

  async #answer(id: string): Promise<void> {
    const key = `${this.#prefix}result:${id}`;
    const record = await this.#commands.getBuffer(key);
    if (record === null) return;
    const { header, entries } = parse(record);
    // Ended meanwhile: it was canceled, or has expired.
    if (header !== undefined && header.state >= 4) return;
    const { to, task, params } = entries as unknown as Request;
    const reply = writePlain(this.#handle(task, params as never));
    await this.#commands.setex(key, ttlSeconds, reply);
    if (to !== undefined && this.#tells) {
      await this.#commands.publish(`${this.#namespace}:client:${to}`, pack([0, id, reply]));
    }
  }
}

/** Puts calls into a queue, and hears or looks for their answers. */
export class PlainClient {
  readonly name = `plain-${Math.random().toString(36).slice(2, 8)}`;
  readonly #prefix: string;
  readonly #channel: string;
  readonly #commands: Redis;
  readonly #hearing: Redis;
  readonly #waiting = new Map<string, (reply: Reply) => void>();

  constructor(url: string, namespace: string, queue: string) {
    this.#prefix = `${namespace}:{${queue}}:`;
    this.#channel = `${namespace}:client:${this.name}`;
    [this.#commands, this.#hearing] = [new Redis(url), new Redis(url)];
  }

  async start(): Promise<void> {
    this.#hearing.on("messageBuffer", (_: Buffer, bytes: Buffer) => {
      for (const [kind, id, content] of messagesIn(bytes)) {
        if (kind !== 0) continue;
        const waits = this.#waiting.get(id);
        if (Buffer.isBuffer(content)) waits?.(answerIn(parse(content))!);
        else void this.look(id).then((reply) => waits?.(reply!));
      }
    });
    await this.#hearing.subscribe(this.#channel);
  }

  stop(): void {
    for (const redis of [this.#commands, this.#hearing]) redis.disconnect();
  }

  async submit(id: string, record: Buffer): Promise<void> {
    await this.#commands.setex(`${this.#prefix}result:${id}`, ttlSeconds, record);
    await this.#commands.rpush(`${this.#prefix}queue`, id);
    await this.#commands.rpush(`${this.#prefix}bell`, "1");
  }

  /** The answer, as it is told. */
  call(id: string, task: string, params: object): Promise<Reply> {
    const told = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    void this.submit(id, writePlain({ to: this.name, task, params }));
    return told;
  }

  /** The answer, if there is one by now. */
  async look(id: string): Promise<Reply | undefined> {
    const record = await this.#commands.getBuffer(`${this.#prefix}result:${id}`);
    return record === null ? undefined : answerIn(parse(record));
  }
}
