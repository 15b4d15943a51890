import type { NetConnectOpts, OnReadOpts, Socket } from "node:net";
import type { AbstractConnector, RedisOptions } from "ioredis";

/** Who takes what arrives, of sockets that need no stream for it. */
const takers = new WeakMap<Socket, (chunk: Buffer) => void>();

/** What is read at once at the most, bytes. */
const readBytes = 65_536;

/**
 * Connects as ioredis does by itself to a server that is named, but reads into the same memory time and again, and copies what has
 * arrived: Node's stream takes new memory of 64 KiB for each reading, and several calls and a tick until it is heard. While ioredis
 * listens, as it logs in, the stream has it all the same.
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
      // ioredis has loaded them by now, and who has no Redis needs neither.
      const [net, { connect: connectTls }] = await Promise.all([import("node:net"), import("node:tls")]);
      // It may have been closed meanwhile.
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
      const socket: Socket = tls ? connectTls(options as object) : net.createConnection(options);
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
