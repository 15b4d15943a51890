import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A server that is none: it listens on a port of this machine, and ends with the test. */
export interface FakeServer {
  readonly port: number;
  /** How many connections it has now. */
  open(): number;
  /** Resolves with the next connection. */
  connected(): Promise<void>;
}

/** Accepts, and says nothing. */
export function startSilent(): Promise<FakeServer> {
  return start(() => undefined);
}

/** Accepts, and hangs up. */
export function startRude(): Promise<FakeServer> {
  return start((socket) => socket.destroy());
}

/** Accepts, refuses, and hangs up, as a Redis does that has too many clients. */
export function startRefusing(words: string): Promise<FakeServer> {
  return start((socket) => socket.end(`-${words}\r\n`));
}

/** Speaks as much of Redis as a connection needs before its first command: `OK`, and a version. */
export function startVersion(version: string): Promise<FakeServer> {
  return start((socket) => {
    socket.on("data", (data) => {
      // Commands that are sent here are short, and come in whole.
      for (const command of data.toString("latin1").split(/(?=\*\d+\r\n)/)) {
        const info = `redis_version:${version}\r\n`;
        const asked = /^\*(\d+)\r\n\$4\r\ninfo\r\n/i.exec(command)?.[1];
        // Servers before 7.0 tell of no more than one section at a time.
        if (Number(asked) > 2) socket.write("-ERR syntax error\r\n");
        else socket.write(asked === undefined ? "+OK\r\n" : `$${info.length}\r\n${info}\r\n`);
      }
    });
  });
}

/** The same of a server that has neither `INFO` nor `PING`, and tells its version by `HELLO`. */
export function startWithoutInfo(version: string): Promise<FakeServer> {
  return start((socket) => {
    socket.on("data", (data) => {
      for (const command of data.toString("latin1").split(/(?=\*\d+\r\n)/)) {
        const name = /\$\d+\r\n(\w+)/.exec(command)?.[1];
        if (name === "HELLO")
          socket.write(`*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n${version}\r\n`);
        else socket.write(`-ERR unknown command '${name}', with args beginning with: \r\n`);
      }
    });
  });
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function start(serve: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => undefined));
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    connected: async () => void (await once(server, "connection")),
  };
}
