import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a Redis that counts the scripts that are run on it. */
export class CountingProxy {
  /** Scripts so far. */
  scripts = 0;
  readonly #server;
  readonly #sockets = new Set<Socket>();

  /** @param until - takes what ends it, as vitest's `onTestFinished` does. */
  static async to(url: string, until: (close: () => Promise<void>) => void): Promise<CountingProxy> {
    const proxy = new CountingProxy(Number(new URL(url).port));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    until(() => proxy.#close());
    return proxy;
  }

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, "127.0.0.1");
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("error", () => undefined);
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
      client.on("data", (data: Buffer) => {
        for (let at = data.indexOf("EVALSHA"); at >= 0; at = data.indexOf("EVALSHA", at + 1)) this.scripts++;
      });
    });
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
