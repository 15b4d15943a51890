/** The demo's worker as a process of its own: `worker.ts <broker> <namespace>`. */
import { createWorker, streamLogger } from "taskpact";
import { workerImplementations } from "./handlers.ts";

const [broker, namespace] = process.argv.slice(2);
if (broker === undefined) throw new Error("usage: worker.ts <broker> [namespace]");

const worker = createWorker({ broker, namespace, implementations: workerImplementations, log: streamLogger("warn") });
process.once("disconnect", () => void worker.stop());
worker.run().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
