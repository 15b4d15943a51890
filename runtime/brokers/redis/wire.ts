import type { Socket } from "node:net";
import { outside } from "../../own-context.ts";
import type { Line } from "./dial.ts";
import { type Argument, commandPieces, CommandWriter, ReplyReader } from "./resp.ts";
import { clearInterval, setInterval } from "../../real-time.ts";

/** One command on its way. */
interface Sent {
  /** How many bytes were written for it. */
  readonly bytes: number;
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Some commands on their way, in one write. */
class SentTogether implements Sent {
  readonly bytes: number;
  readonly #replies: unknown[] = [];
  readonly #count: number;
  readonly #resolve: (replies: readonly unknown[]) => void;

  constructor(bytes: number, count: number, resolve: (replies: readonly unknown[]) => void) {
    this.bytes = bytes;
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

/** A command that waits until there is room for it. */
interface Turn {
  make(): readonly Argument[];
  resolve(reply: Promise<unknown>): void;
  reject(error: Error): void;
}

/** How many looks a connection may be silent at, while commands wait, before it is taken for dead. */
const silentLooks = 5;

/** A command of more than this may take longer to arrive than a connection may be silent, bytes. */
const promptBytes = 65_536;
/** How fast such a one is at least taken to arrive, bytes a ms. What the system has taken to send, and has not sent, shows nowhere. */
const slowestRate = 16;
/** As much as the system takes of it at once. */
const mostUnseenBytes = 4_194_304;

/** With so many bytes on their way, commands that have the time wait for the replies: on a slow line, the others would wait behind them. */
const roomBytes = 262_144;

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
  /** Whether anything was heard since the last look, and how much then waited to be taken by the system. */
  #heard = false;
  #leaving = 0;
  /** How many bytes were written for commands that have no reply yet. */
  #onTheWay = 0;
  readonly #turns: Turn[] = [];
  readonly #rate: number;
  #outpaced = false;
  #hear: ((channel: string, message: Buffer) => void) | undefined;
  #gone: Promise<void> | undefined;

  /**
   * @param line - without commands on their way.
   * @param silenceMs - how long a command may be without an answer before the connection is taken for dead: a large one longer.
   * @param slowness - by which factor large ones may arrive more slowly than is expected of a line.
   */
  constructor(line: Line, silenceMs: number, slowness = 1) {
    this.#line = line;
    this.#rate = slowestRate / slowness;
    this.#socket = line.socket;
    this.#lookMs = silenceMs / silentLooks;
    line.hear = (chunk) => this.#arrived(chunk);
    this.onEnd(() => this.#end(new Error("Connection is closed.")));
  }

  /** Whether a command would be sent. */
  get usable(): boolean {
    return this.#socket.writable;
  }

  /** Whether it was given up while a large command was on its way: such a line may be slow, and not dead. */
  get outpaced(): boolean {
    return this.#outpaced;
  }

  /** Whether few bytes are on their way, and no command waits for that. */
  get hasRoom(): boolean {
    return this.#onTheWay < roomBytes && this.#turns.length === 0;
  }

  /** Sends a command. @throws Error with the server's words, or those of a connection that is lost. */
  send(command: readonly Argument[]): Promise<unknown> {
    if (!this.usable) return Promise.reject(new Error(unsent));
    const bytes = this.#write([command]);
    return new Promise((resolve, reject) => this.#expect({ bytes, resolve, reject }, 1));
  }

  /** Sends a command that has the time once there is room, in the order of those that wait for it. */
  sendInTurn(make: () => readonly Argument[]): Promise<unknown> {
    if (!this.usable) return Promise.reject(new Error(unsent));
    if (this.hasRoom) return this.send(make());
    return new Promise((resolve, reject) => this.#turns.push({ make, resolve, reject }));
  }

  /** Sends some commands in one write. Resolves when all are answered, with an Error for each that {@link send} would reject. */
  sendTogether(commands: readonly (readonly Argument[])[]): Promise<readonly unknown[]> {
    if (!this.usable) return Promise.resolve(commands.map(() => new Error(unsent)));
    const bytes = this.#write(commands);
    return new Promise((resolve) => this.#expect(new SentTogether(bytes, commands.length, resolve), commands.length));
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
    this.#onTheWay += sent.bytes;
    for (let reply = 0; reply < replies; reply++) this.#sent.push(sent);
    this.#look ??= outside(() => setInterval(() => this.#lookForSilence(), this.#lookMs).unref());
  }

  /** @returns how many bytes it were. */
  #write(commands: readonly (readonly Argument[])[]): number {
    const socket = this.#socket;
    const written = this.#writer.write(commands);
    if (written !== undefined) {
      const waits = socket.writableCorked > 0 || socket.writableLength > 0;
      socket.write(waits ? Buffer.from(written) : written);
      // Mostly it is the system's by now; else the socket still needs it.
      if (!waits && socket.writableLength > 0) this.#writer.renew();
      return written.length;
    }
    let bytes = 0;
    socket.cork();
    for (const piece of commandPieces(commands)) {
      bytes += piece.length;
      socket.write(piece);
    }
    socket.uncork();
    return bytes;
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
    // Of some that were sent together, the last reply.
    if (this.#sent[this.#first] !== sent) this.#onTheWay -= sent.bytes;
    if (reply instanceof Error) sent.reject(reply);
    else sent.resolve(reply);
    if (this.#turns.length > 0) this.#takeTurns();
  }

  #takeTurns(): void {
    while (this.#onTheWay < roomBytes) {
      const turn = this.#turns.shift();
      if (turn === undefined) return;
      try {
        turn.resolve(this.send(turn.make()));
      } catch (thrown) {
        turn.reject(thrown as Error);
      }
    }
  }

  /** A half-open connection never says that it is: what waits for an answer notices, once nothing leaves any more. */
  #lookForSilence(): void {
    const sent = this.#sent[this.#first];
    const leaving = leavingOf(this.#socket);
    const moves = this.#heard || leaving !== this.#leaving;
    this.#silent = sent === undefined || moves ? 0 : this.#silent + 1;
    this.#heard = false;
    this.#leaving = leaving;
    if (sent === undefined || this.#silent < silentLooks) return;
    const unseenBytes = Math.min(sent.bytes, mostUnseenBytes) - promptBytes;
    const looks = silentLooks + Math.max(0, unseenBytes) / this.#rate / this.#lookMs;
    if (this.#silent < looks) return;
    this.#outpaced = unseenBytes > 0;
    this.#socket.destroy(new Error("nothing was heard for too long"));
  }

  #end(error: Error): void {
    clearInterval(this.#look);
    this.#look = undefined;
    const lost = this.#sent.slice(this.#first);
    this.#sent = [];
    this.#first = 0;
    for (const sent of lost) sent?.reject(error);
    for (const turn of this.#turns.splice(0)) turn.reject(new Error(unsent));
  }
}

/** How many bytes the system has yet to take; Node's own idle timer looks at the same. What was handed to a handle shows nowhere else. */
function leavingOf(socket: Socket): number {
  const handle = (socket as { readonly _handle?: { readonly writeQueueSize?: number } | null })._handle;
  return handle?.writeQueueSize ?? socket.writableLength;
}

/** These words, and those of the end, are known to failure.ts. */
const unsent = "Stream isn't writeable and enableOfflineQueue options is false";
