/** The demo's worker as a process of its own, which ends with the demo: `worker.ts <broker> <namespace>`. */
import { createWorker, type Logger, streamLogger } from "taskpact";
import { workerImplementations } from "./handlers.ts";

const [broker = "", namespace] = process.argv.slice(2);
const log: Logger = {
  ...streamLogger("error"),
  info: (_, message) => void (message === "listening" && process.send?.(message)),
};
try {
  const worker = createWorker({ broker, namespace, implementations: workerImplementations, log });
  process.once("disconnect", () => void worker.stop());
  await worker.run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  // The channel to the demo would keep the process.
  process.disconnect?.();
}
