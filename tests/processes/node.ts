/**
 * A worker with a queue of its own, whose name it says when it listens. Says what it runs; of an odd time, its handler is never
 * done.
 */
import { createWorker } from "taskpact";
import { implementTiming } from "../../generated/index.ts";
import { say } from "./say.ts";

const [url = "", namespace = "", leaseMs = "", name = ""] = process.argv.slice(2);

const timing = implementTiming({
  asynchronous({ lagMs }, { nodeQueue }) {
    say({ ran: lagMs, nodeQueue });
    return lagMs % 2 === 1 ? new Promise<number>(() => {}) : lagMs;
  },
});
// Without its parent it has no reason to be.
process.once("disconnect", () => process.exit(1));
const worker = createWorker({
  broker: url,
  namespace,
  implementations: [timing],
  leaseMs: Number(leaseMs),
  nodeQueue: name === "" ? true : name,
  log: {
    debug() {},
    info: (_: object, message: string) => void (message === "listening" && say({ nodeQueue: worker.nodeQueue })),
    warn() {},
    error() {},
  },
});
await worker.run();
