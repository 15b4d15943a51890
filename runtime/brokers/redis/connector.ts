import { createConnection, type NetConnectOpts, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { AbstractConnector, RedisOptions } from "ioredis";

/** Who takes what arrives, of sockets that need no stream for it. */
const takers = new WeakMap<Socket, (chunk: Buffer) => void>();

/** What is read at once at the most, bytes. */
const readBytes = 65_536;

/**
 * ioredis's way to a server that is named, but that what arrives is read into one piece of memory, time and again, and copied
 * in the size that it has: Node's stream takes new memory of 64 KiB for each reading, and several calls until it is heard. As long
 * as ioredis listens, it gets it from the stream.
 */
export function connectorOf(Abstract: typeof AbstractConnector): new (options: unknown) => AbstractConnector {
  return class extends Abstract {
    readonly #options: RedisOptions;

    constructor(options: unknown) {
      super((options as RedisOptions).disconnectTimeout ?? 0);
      this.#options = options as RedisOptions;
    }

    async connect(): Promise<Socket> {
      this.connecting = true;
      // It is closed before it has begun, if in the turn in which it was asked for.
      await Promise.resolve();
      if (!this.connecting) throw new Error("Connection is closed.");
      const { path, host, port, family, tls } = this.#options;
      const where = path ? { path } : { host, port, family: family ?? undefined };
      const onread: OnReadOpts = {
        buffer: Buffer.allocUnsafeSlow(readBytes),
        callback: (bytes, buffer) => {
          takers.get(socket)!(Buffer.from(buffer.subarray(0, bytes)));
          return true;
        },
      };
      const options = { ...where, ...tls, onread } as NetConnectOpts;
      const socket: Socket = tls === undefined ? createConnection(options) : connectTls(options as object);
      takers.set(socket, (chunk) => socket.push(chunk));
      socket.once("error", (error) => (this.firstError = error));
      this.stream = socket;
      return socket;
    }
  };
}

/** From now on, what arrives on a connection's socket goes to `take` alone. */
export function takeOver(socket: Socket, take: (chunk: Buffer) => void): void {
  socket.removeAllListeners("data");
  socket.on("data", take);
  if (takers.has(socket)) takers.set(socket, take);
}
