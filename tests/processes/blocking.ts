/**
 * A worker whose handler blocks the event loop for as long as its call asks. Says what it runs, when a signal is aborted,
 * and what its worker warns of.
 */
import { createWorker, type Logger } from "taskpact";
import { implementTiming } from "../../generated/index.ts";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { say } from "./say.ts";

const [url = "", namespace = "", leaseMs = "", concurrency = ""] = process.argv.slice(2);

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

const timing = implementTiming({
  asynchronous({ lagMs }, { signal, attempt }) {
    say(`begun ${lagMs} ${attempt}`);
    block(lagMs);
    signal.addEventListener("abort", () => say(`aborted ${lagMs} ${(signal.reason as { code: string }).code}`));
    // An odd time is that of a handler which ignores its signal, and is never done.
    return lagMs % 2 === 1 ? new Promise<number>(() => {}) : lagMs;
  },
});
const line = (fields: object, message: string) => void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const log: Logger = {
  debug: line,
  info: (fields, message) => (message === "listening" ? say("listening") : line(fields, message)),
  warn: (fields, message) => say(`${message} ${JSON.stringify(fields)}`),
  error: line,
};
const broker = new RedisBroker(url, { namespace });
// Without its parent it has no reason to be.
process.once("disconnect", () => process.exit(1));
const worker = createWorker({
  broker,
  implementations: [timing],
  leaseMs: Number(leaseMs),
  concurrency: Number(concurrency),
  log,
});
process.once("message", () => void worker.stop());
await worker.run();
await broker.close();
process.removeAllListeners("disconnect");
process.disconnect();
