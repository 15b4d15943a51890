import { once } from "node:events";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Signal } from "./signal.ts";

/** As much of what a client has sent is looked at, bytes: whole commands but for their records. */
const keptBytes = 16_384;

/** A line that passes through the proxy. */
interface Line {
  readonly client: Socket;
  readonly server: Socket;
  /** The end of what the client has sent. */
  sent: string;
  frozen: boolean;
  /** What the server says next is lost, and the line with it. */
  doomed: boolean;
}

/** How slow a line is. */
export interface Slowness {
  /** How long each piece is on its way, ms. */
  readonly latencyMs: number;
  /** How large the pieces are in which everything comes, bytes. */
  readonly pieceBytes: number;
}

/** What all connections together may pass, bytes a second each way. */
export interface Rates {
  /** To the server. @default as much as there is */
  readonly up?: number | undefined;
  /** From the server. @default as much as there is */
  readonly down?: number | undefined;
}

/** What has passed through a proxy since it was made. */
export interface Passed {
  readonly connections: number;
  /** Bytes that were sent to the server, and from it. */
  readonly up: number;
  readonly down: number;
}

/** A command whose reply is to be lost. */
export interface Loss {
  /** Resolves when it has been sent. */
  readonly sent: Promise<void>;
  /** Resolves when Redis has run it, and its reply is lost. */
  readonly lost: Promise<void>;
}

interface Trap {
  readonly text: string;
  readonly sent: Signal;
  readonly lost: Signal;
}

/** The size of a piece on a line with a rate, bytes. */
const ratedPieceBytes = 4_096;

/** One way of a line with a rate: what comes waits behind all that came before it, as in the buffer of a slow modem. */
class RatedWay {
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  /** @param before - what is on its way to the same socket. */
  async pass(data: Buffer, to: Socket, before: Promise<void> | undefined): Promise<void> {
    let at = Math.max(performance.now(), this.#freeAt);
    this.#freeAt = at + data.length / this.#bytesPerMs;
    await before;
    for (let from = 0; from < data.length && to.writable; from += ratedPieceBytes) {
      const piece = data.subarray(from, from + ratedPieceBytes);
      at += piece.length / this.#bytesPerMs;
      if (at > performance.now()) await sleep(at - performance.now());
      to.write(piece);
    }
  }
}

/** A way to a Redis that can fail as networks do. */
export class Proxy {
  readonly #server: Server;
  readonly #port: number;
  readonly #lines = new Set<Line>();
  readonly #traps = new Set<Trap>();
  #slowness: Slowness | undefined;
  #refuses = false;
  #up: RatedWay | undefined;
  #down: RatedWay | undefined;
  readonly #passed = { connections: 0, up: 0, down: 0 };
  /** What is on its way to a socket, the last after all before. */
  readonly #onTheWay = new WeakMap<Socket, Promise<void>>();

  /** @param until - takes what ends it, as vitest's `onTestFinished` does. */
  static async to(url: string, until: (close: () => Promise<void>) => void): Promise<Proxy> {
    const proxy = new Proxy(Number(new URL(url).port));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    until(() => proxy.#close());
    return proxy;
  }

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((client) => this.#carry(client));
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next command with this text in it reaches Redis; its reply is lost, with the connection. */
  loseReplyTo(text: string): Loss {
    const trap = { text, sent: new Signal(), lost: new Signal() };
    this.#traps.add(trap);
    return { sent: trap.sent.given, lost: trap.lost.given };
  }

  /** From now on nothing passes any more on the connections there are, and nobody is told: they are half open. */
  freeze(): void {
    for (const line of this.#lines) line.frozen = true;
  }

  /** From now on all lines are this slow. */
  slow(slowness: Slowness): void {
    this.#slowness = slowness;
  }

  /** Whether new connections are ended at once. */
  refuse(refuses: boolean): void {
    this.#refuses = refuses;
  }

  /** From now on all connections share a line of these rates. Nothing is lost, and nobody is told to wait: what is sent stands in line. */
  rate({ up, down }: Rates): void {
    this.#up = up === undefined ? undefined : new RatedWay(up);
    this.#down = down === undefined ? undefined : new RatedWay(down);
  }

  /** What has passed so far, or stands in line. */
  get passed(): Passed {
    return { ...this.#passed };
  }

  /** How many connections have sent this text. */
  linesThatSent(text: string): number {
    return [...this.#lines].filter(({ sent }) => sent.includes(text)).length;
  }

  /** Ends the connections on which this text was sent; how many they were. */
  cut(text: string): number {
    const lines = [...this.#lines].filter(({ sent }) => sent.includes(text));
    for (const line of lines) this.#end(line);
    return lines.length;
  }

  #carry(client: Socket): void {
    if (this.#refuses) {
      client.on("error", () => undefined).destroy();
      return;
    }
    const server = connect(this.#port, "127.0.0.1");
    const line: Line = { client, server, sent: "", frozen: false, doomed: false };
    this.#lines.add(line);
    this.#passed.connections++;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => line.frozen || this.#end(line));
    }
    client.on("data", (data: Buffer) => {
      if (line.frozen) return;
      const text = data.toString("latin1");
      line.sent = (line.sent + text).slice(-keptBytes);
      for (const trap of this.#traps) {
        // Commands that bear such a text are short, and come in one piece.
        if (!text.includes(trap.text)) continue;
        this.#traps.delete(trap);
        line.doomed = true;
        trap.sent.give();
        server.once("data", () => trap.lost.give());
      }
      this.#passed.up += data.length;
      this.#pass(data, server, this.#up);
    });
    server.on("data", (data: Buffer) => {
      if (line.doomed) this.#end(line);
      else if (!line.frozen) {
        this.#passed.down += data.length;
        this.#pass(data, client, this.#down);
      }
    });
  }

  #pass(data: Buffer, to: Socket, way: RatedWay | undefined): void {
    if (way !== undefined) {
      this.#onTheWay.set(to, way.pass(data, to, this.#onTheWay.get(to)));
      return;
    }
    if (this.#slowness === undefined) {
      to.write(data);
      return;
    }
    const { latencyMs, pieceBytes } = this.#slowness;
    const arrived = sleep(latencyMs);
    const before = this.#onTheWay.get(to);
    const deliver = async (): Promise<void> => {
      await Promise.all([before, arrived]);
      for (let at = 0; at < data.length && to.writable; at += pieceBytes) {
        to.write(data.subarray(at, at + pieceBytes));
        // Each piece is a packet of its own.
        await turn();
      }
    };
    this.#onTheWay.set(to, deliver());
  }

  #end(line: Line): void {
    this.#lines.delete(line);
    line.client.destroy();
    line.server.destroy();
  }

  async #close(): Promise<void> {
    for (const line of this.#lines) this.#end(line);
    this.#server.close();
    await once(this.#server, "close");
  }
}
