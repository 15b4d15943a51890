/** A client and a worker whose pools are as they are by default; it ends by itself, or is left with work when told to stay. */
import { createWorker } from "taskpact";
import { createClient } from "taskpact/codegen";
import { quiet } from "../calls/lab.ts";
import { say } from "../processes/say.ts";
import { contract, lab } from "./handlers.ts";
import type { CpuTasks } from "./stage.ts";

const [stays] = process.argv.slice(2);
const options = { broker: "memory:", implementations: [lab], log: quiet };
const worker = createWorker(options);
const running = worker.run();
const tasks = createClient<CpuTasks>({ shape: "flat", contracts: [contract] }, options);
const here = tasks.with({ policy: "local-only" });
const there = tasks.with({ policy: "remote-only" });
say(await Promise.all([here.inThread("nothing"), there.inThread("nothing"), there.inProcess("nothing")]));
if (stays === "stays") void there.inProcess("heed");
else {
  await worker.stop();
  await running;
  // The client's own idle thread keeps no process.
  process.disconnect?.();
}
