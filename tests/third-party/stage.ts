import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JudgedStore } from "taskpact/testing";
import { ShelfBroker } from "./broker.ts";
import { ShelfServer } from "./server.ts";

/** Starts a server of its own, in a folder that goes with it. */
export async function startShelf(): Promise<ShelfServer & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "shelf-"));
  const server = await ShelfServer.start(join(folder, "shelf.sock"));
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  });
}

/** An empty shelf to be judged, through brokers of a class. */
export async function judgedShelf(Kind: typeof ShelfBroker = ShelfBroker): Promise<JudgedStore> {
  const server = await startShelf();
  const brokers: ShelfBroker[] = [];
  return {
    connect() {
      const broker = new Kind(server.path, "judged");
      brokers.push(broker);
      return broker;
    },
    advance: (ms) => server.advance(ms),
    async dispose() {
      await Promise.all(brokers.map((broker) => broker.close()));
      await server[Symbol.asyncDispose]();
    },
  };
}
