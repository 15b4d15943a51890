import { once } from "node:events";
import type { NetConnectOpts, OnReadOpts, Socket } from "node:net";
import type { RedisOptions } from "ioredis";
import { clearTimeout, setTimeout } from "../../real-time.ts";

/** A socket to Redis that stands. */
export interface Line {
  readonly socket: Socket;
  /** Takes what arrives. Whoever reads the line sets it, before anything is asked for. */
  hear: (chunk: Buffer) => void;
  /** Ends it, once what was written is sent. */
  readonly hangUp: () => void;
}

/** What is read at once at the most, bytes. */
const readBytes = 65_536;

/** How long a connection is idle before the system asks whether the other side is there: some networks forget it in minutes, ms. */
const idleMs = 30_000;

/** How long the other side may take to hang up, too, ms. */
export const farewellMs = 100;

/**
 * Connects to a server that the options name, by TCP, TLS or a socket's path. It reads into the same memory time and again, and
 * copies what has arrived: Node's stream takes new memory of 64 KiB for each reading, and several calls and a tick until it is heard.
 *
 * @param signal - gives it up, for the reason that it has.
 * @throws Error the system's.
 */
export async function dial(options: RedisOptions, signal: AbortSignal): Promise<Line> {
  const { path, host = "localhost", port = 6379, family, tls, noDelay = true, keepAlive = idleMs } = options;
  // Who has no Redis needs neither.
  const [net, secured] = await Promise.all([import("node:net"), tls && import("node:tls")]);
  signal.throwIfAborted();
  const onread: OnReadOpts = {
    buffer: Buffer.allocUnsafeSlow(readBytes),
    callback: (bytes, buffer) => {
      line.hear(Buffer.from(buffer.subarray(0, bytes)));
      return true;
    },
  };
  const where = path ? { path } : { host, port, family: family ?? undefined };
  const given = { ...where, ...tls, onread } as NetConnectOpts;
  const socket: Socket = secured ? secured.connect(given as object) : net.createConnection(given);
  const line: Line = { socket, hear: () => {}, hangUp: () => hangUp(socket) };
  // What becomes of a line is told by its end.
  socket.on("error", () => {});
  // Where the memory is not heeded, as on a socket that the options gave.
  socket.on("data", (chunk: Buffer) => line.hear(chunk));
  try {
    await once(socket, secured ? "secureConnect" : "connect", { signal });
  } catch (thrown) {
    socket.destroy();
    signal.throwIfAborted();
    throw thrown;
  }
  socket.setNoDelay(noDelay);
  socket.setKeepAlive(true, keepAlive);
  return line;
}

function hangUp(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), farewellMs);
  socket.once("close", () => clearTimeout(timer));
  socket.end();
}
