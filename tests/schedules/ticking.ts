/** A worker in a process of its own, that says the id of each call that it runs. */
import { createWorker } from "taskpact";
import { contractOf, implement } from "taskpact/codegen";
import { quiet } from "../calls/lab.ts";
import { say, sayLast } from "../processes/say.ts";
import * as declared from "./contract.ts";

const [url = "", namespace = ""] = process.argv.slice(2);
const ticks = implement(contractOf("ticks", declared, ["tick"]), {
  tick: ({ label }: { label: string }, { callId }: { callId: string }) => {
    say(callId);
    return label;
  },
});
const worker = createWorker({ broker: url, namespace, implementations: [ticks], log: quiet, leaseMs: 500 });
process.once("disconnect", () => process.exit(1));
process.once("message", () => void worker.stop());
await worker.run();
sayLast("stopped");
