import { createServer, type Server, type Socket } from "node:net";
import { type Beat, type Notice, type Report, type SubmitBatch, TaskError } from "taskpact/broker";
import { readFrames, sendFrame, type Told } from "./frames.ts";
import { renew } from "./renew.ts";
import { report } from "./report.ts";
import { type Claim, Shelf } from "./shelf.ts";
import { cancel, read, revoke, submit } from "./submit.ts";

/** A server with shelves, one for each namespace, on a unix socket. */
export class ShelfServer {
  readonly path: string;
  readonly #server: Server;
  readonly #shelves = new Map<string, Shelf>();
  readonly #sockets = new Set<Socket>();
  #aheadMs = 0;

  static async start(path: string): Promise<ShelfServer> {
    const shelves = new ShelfServer(path);
    await new Promise<void>((resolve, reject) => shelves.#server.once("error", reject).listen(path, resolve));
    return shelves;
  }

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
      serve(socket, (namespace) => this.shelf(namespace));
    });
  }

  shelf(namespace: string): Shelf {
    let shelf = this.#shelves.get(namespace);
    if (shelf === undefined) this.#shelves.set(namespace, (shelf = new Shelf(() => Date.now() + this.#aheadMs)));
    return shelf;
  }

  /** For tests: moves the time of all shelves. */
  advance(ms: number): void {
    this.#aheadMs += ms;
    for (const shelf of this.#shelves.values()) shelf.look();
  }

  /** Lets all connections break, as a network does. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    for (const shelf of this.#shelves.values()) shelf.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.drop();
    await closed;
  }
}

/** Answers one connection. */
function serve(socket: Socket, shelfOf: (namespace: string) => Shelf): void {
  let shelf: Shelf | undefined;
  const claims = new Map<number, { giveUp(): void }>();
  const ears = new Map<string, () => void>();
  const tell = (told: Told): void => {
    if (!socket.destroyed) sendFrame(socket, told);
  };
  readFrames(socket, (value) => {
    // The first one says whose shelf it is.
    if (shelf === undefined) {
      shelf = shelfOf(value as string);
      return;
    }
    const [id, what, ...given] = value as [number, string, ...unknown[]];
    try {
      if (what === "claim") {
        const claim = shelf.claim(given[0] as Claim, (batches) => {
          claims.delete(id);
          tell([id, "answer", batches]);
        });
        claims.set(id, claim);
        return;
      }
      if (what === "giveUp") claims.get(given[0] as number)?.giveUp();
      else if (what === "hear") {
        const channel = given[0] as string;
        ears.get(channel)?.();
        ears.set(
          channel,
          shelf.hear(channel, (notice: Notice) => tell([0, "notice", channel, notice])),
        );
      } else if (what === "deafen") ears.get(given[0] as string)?.();
      else {
        tell([id, "answer", step(shelf, what, given)]);
        return;
      }
      tell([id, "answer", undefined]);
    } catch (thrown) {
      const { code, reason } = TaskError.from(thrown, "internal");
      tell([id, "error", code, reason]);
    }
  });
  socket.on("close", () => {
    for (const claim of claims.values()) claim.giveUp();
    for (const deafen of ears.values()) deafen();
  });
}

/** What is done at once. */
function step(shelf: Shelf, what: string, given: readonly unknown[]): unknown {
  const now = shelf.now();
  if (what === "renew") {
    const beat = given[0] as Beat;
    const replies = beat.queues.map((served) => renew(shelf.queue(served.name), served, beat, now));
    return {
      lost: replies.flatMap(({ lost }) => lost),
      reaped: replies.reduce((sum, { reaped }) => sum + reaped, 0),
      waiting: replies.reduce((sum, { waiting }) => sum + waiting, 0),
    };
  }
  const queue = shelf.queue(given[0] as string);
  switch (what) {
    case "submit":
      return submit(queue, given[1] as SubmitBatch, now);
    case "finish":
      return report(queue, given[1] as readonly Report[], now);
    case "cancel":
      return cancel(queue, given[1] as string, now);
    case "revoke":
      return revoke(queue, given[1] as string, given[2] as string, now);
    case "read":
      return (given[1] as readonly string[]).map((id) => read(queue, id, given[2] as string | undefined, now));
    case "presence": {
      const listening = [...queue.workers].filter(([, { until }]) => until > now);
      return listening.map(([worker, { tasks, info }]) => ({ worker, tasks, info }));
    }
    default:
      throw new TaskError("unimplemented", `a shelf knows no "${what}"`);
  }
}
