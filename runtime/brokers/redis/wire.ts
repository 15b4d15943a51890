import type { Socket } from "node:net";
import { outside } from "../../own-context.ts";
import type { Line } from "./dial.ts";
import { type Argument, commandPieces, CommandWriter, ReplyReader } from "./resp.ts";
import { clearInterval, setInterval } from "../../real-time.ts";

/** One command on its way. */
interface Sent {
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Some commands on their way, in one write. */
class SentTogether implements Sent {
  readonly #replies: unknown[] = [];
  readonly #count: number;
  readonly #resolve: (replies: readonly unknown[]) => void;

  constructor(count: number, resolve: (replies: readonly unknown[]) => void) {
    this.#count = count;
    this.#resolve = resolve;
  }

  resolve(reply: unknown): void {
    if (this.#replies.push(reply) === this.#count) this.#resolve(this.#replies);
  }

  reject(error: Error): void {
    this.resolve(error);
  }
}

/** How many looks a connection may be silent at, while commands wait, before it is taken for dead. */
const silentLooks = 5;

/**
 * What is said on a connection, in RESP2. No command is sent twice, nor kept for another connection. A command that goes through
 * ioredis costs as much as all else that is done for a call that is alone.
 */
export class Wire {
  readonly #line: Line;
  readonly #socket: Socket;
  readonly #writer = new CommandWriter();
  readonly #reader = new ReplyReader((reply) => this.#replied(reply));
  /** Those that wait for their replies, in their order, from `#first` on. */
  #sent: (Sent | undefined)[] = [];
  #first = 0;
  readonly #lookMs: number;
  #look: NodeJS.Timeout | undefined;
  #silent = 0;
  /** Whether anything was heard since the last look. */
  #heard = false;
  #hear: ((channel: string, message: Buffer) => void) | undefined;
  #gone: Promise<void> | undefined;

  /**
   * @param line - without commands on their way.
   * @param silenceMs - how long a command may be without an answer before the connection is taken for dead.
   */
  constructor(line: Line, silenceMs: number) {
    this.#line = line;
    this.#socket = line.socket;
    this.#lookMs = silenceMs / silentLooks;
    line.hear = (chunk) => this.#arrived(chunk);
    this.onEnd(() => this.#end(new Error("Connection is closed.")));
  }

  /** Whether a command would be sent. */
  get usable(): boolean {
    return this.#socket.writable;
  }

  /** Sends a command. @throws Error with the server's words, or those of a connection that is lost. */
  send(command: readonly Argument[]): Promise<unknown> {
    if (!this.usable) return Promise.reject(new Error(unsent));
    this.#write([command]);
    return new Promise((resolve, reject) => this.#expect({ resolve, reject }, 1));
  }

  /** Sends some commands in one write. Resolves when all are answered, with an Error for each that {@link send} would reject. */
  sendTogether(commands: readonly (readonly Argument[])[]): Promise<readonly unknown[]> {
    if (!this.usable) return Promise.resolve(commands.map(() => new Error(unsent)));
    this.#write(commands);
    return new Promise((resolve) => this.#expect(new SentTogether(commands.length, resolve), commands.length));
  }

  /** What is sent meanwhile goes out in one write. */
  together<Result>(act: () => Result): Result {
    this.#socket.cork();
    try {
      return act();
    } finally {
      this.#socket.uncork();
    }
  }

  /** From now on this connection is for channels, whose messages go to `hear`. */
  hear(hear: (channel: string, message: Buffer) => void): void {
    this.#hear = hear;
  }

  /** Called once, when it is lost, or closed. */
  onEnd(ended: () => void): void {
    if (this.#socket.closed) ended();
    else this.#socket.once("close", ended);
  }

  /** Ends it; resolves when nothing of it is left. Each command that fails on it may ask for that. */
  close(): Promise<void> {
    if (this.#gone === undefined) {
      this.#gone = new Promise<void>((resolve) => this.onEnd(resolve));
      this.#line.hangUp();
    }
    return this.#gone;
  }

  #expect(sent: Sent, replies: number): void {
    for (let reply = 0; reply < replies; reply++) this.#sent.push(sent);
    this.#look ??= outside(() => setInterval(() => this.#lookForSilence(), this.#lookMs).unref());
  }

  #write(commands: readonly (readonly Argument[])[]): void {
    const socket = this.#socket;
    const written = this.#writer.write(commands);
    if (written !== undefined) {
      const waits = socket.writableCorked > 0 || socket.writableLength > 0;
      socket.write(waits ? Buffer.from(written) : written);
      // Mostly it is the system's by now; else the socket still needs it.
      if (!waits && socket.writableLength > 0) this.#writer.renew();
      return;
    }
    socket.cork();
    for (const piece of commandPieces(commands)) socket.write(piece);
    socket.uncork();
  }

  #arrived(chunk: Buffer): void {
    this.#heard = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#socket.destroy(error as Error);
    }
  }

  #replied(reply: unknown): void {
    if (this.#hear !== undefined && Array.isArray(reply) && String(reply[0]) === "message") {
      this.#hear(String(reply[1]), reply[2] as Buffer);
      return;
    }
    const sent = this.#sent[this.#first];
    if (sent === undefined) throw new Error("a reply that nothing was sent for");
    this.#sent[this.#first++] = undefined;
    if (this.#first === this.#sent.length) {
      this.#sent.length = 0;
      this.#first = 0;
    }
    if (reply instanceof Error) sent.reject(reply);
    else sent.resolve(reply);
  }

  /** A half-open connection never says that it is: what waits for an answer notices. */
  #lookForSilence(): void {
    const waiting = this.#sent.length > this.#first;
    this.#silent = waiting && !this.#heard ? this.#silent + 1 : 0;
    this.#heard = false;
    if (this.#silent >= silentLooks) this.#socket.destroy(new Error("nothing was heard for too long"));
  }

  #end(error: Error): void {
    clearInterval(this.#look);
    this.#look = undefined;
    const lost = this.#sent.slice(this.#first);
    this.#sent = [];
    this.#first = 0;
    for (const sent of lost) sent?.reject(error);
  }
}

/** These words, and those of the end, are known to failure.ts. */
const unsent = "Stream isn't writeable and enableOfflineQueue options is false";
