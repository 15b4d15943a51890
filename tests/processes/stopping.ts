/** A worker with one call that takes as long as it is let: says when it runs, and when its signal is aborted. */
import { once } from "node:events";
import { createWorker } from "taskpact";
import { implementTiming } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { say } from "./say.ts";

const [url = "", namespace = "", graceMs = ""] = process.argv.slice(2);
const timing = implementTiming({
  async asynchronous({ lagMs }, { signal }) {
    say("running");
    if (lagMs === 0) return 0;
    if (!signal.aborted) await once(signal, "abort");
    say("aborted");
    throw signal.reason as Error;
  },
});
const broker = new RedisBroker(url, { namespace });
await createWorker({ broker, implementations: [timing], graceMs: Number(graceMs) }).run();
await broker.close();
// Nothing is left that keeps the process, but for the channel to its parent.
process.disconnect();
