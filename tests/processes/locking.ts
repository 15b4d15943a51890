/**
 * A worker whose handler works under a lock: it blocks the event loop for as long as its call asks, or, for an odd time, never
 * ends. Says what it does, with the lock's fence and when.
 */
import { createWorker } from "taskpact";
import { implementTiming } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { say } from "./say.ts";

const [url = "", namespace = "", leaseMs = "", waits = ""] = process.argv.slice(2);

const timing = implementTiming({
  asynchronous({ lagMs }, { lock }) {
    say({ what: "asks", lagMs });
    return lock("the one", (fence) => {
      say({ what: "holds", lagMs, fence, at: Date.now() });
      if (lagMs % 2 === 1) return new Promise<number>(() => {});
      const until = performance.now() + lagMs;
      while (performance.now() < until);
      say({ what: "done", lagMs, fence, at: Date.now() });
      return lagMs;
    });
  },
});
const broker = new RedisBroker(url, { namespace });
// Without its parent it has no reason to be.
process.once("disconnect", () => process.exit(1));
const log = { debug() {}, info: (_: object, message: string) => say(message), warn() {}, error() {} };
if (waits !== "") {
  const told = new Promise((resolve) => process.once("message", resolve));
  say("waits");
  await told;
}
await createWorker({ broker, implementations: [timing], leaseMs: Number(leaseMs), concurrency: 1, log }).run();
