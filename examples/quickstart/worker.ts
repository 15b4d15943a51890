/** Runs the sums of contracts/math.ts: `npx tsx -C taskpact-source examples/quickstart/worker.ts`, in a terminal of its own. */
import { createWorker } from "taskpact";
import { math } from "../handlers/math.ts";

const worker = createWorker({
  broker: process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379",
  implementations: [math],
  concurrency: 100,
});
await worker.run();
