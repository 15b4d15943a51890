/** The program of a worker's process: `taskpact worker` starts as many as it is told to, and watches over them. */
import { pathToFileURL } from "node:url";
import { TaskError } from "../runtime/errors.ts";
import type { Hook } from "../runtime/hook.ts";
import { createWorker } from "../runtime/lazy-worker.ts";
import { type Logger, streamLogger } from "../runtime/log.ts";
import { onStopSignals } from "../runtime/signals.ts";
import { exitCodes, UsageError } from "./exit-code.ts";
import { countsAttempts, tellsAttempts } from "./attempt-hooks.ts";
import { implementationsIn } from "./implementations.ts";
import { type FromMember, isToMember, type WorkerOrder } from "./worker-message.ts";

/** Longer than any attempt may take: what runs is done before. */
const unboundedMs = 2 ** 31 - 1;

let hasStopped = false;
let stop = (): void => {
  process.exit(0); // Before it has a worker, there is nothing to wait for.
};
let hurry = stop;

process.on("message", (message) => {
  if (!isToMember(message)) return;
  if (message.kind === "run") void run(message.order);
  else if (message.kind === "stop") stop();
  else hurry();
});
// Whoever watched over it is gone, and so is whoever would stop it.
process.on("disconnect", () => stop());
// An interruption from the keyboard reaches all processes of a terminal, and ours is told besides: it counts once.
onStopSignals(() => stop());

// A log that nobody reads any more keeps nobody from working.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

async function run(order: WorkerOrder): Promise<void> {
  const log = streamLogger(undefined, order.logFormat);
  let worker: ReturnType<typeof createWorker>;
  try {
    // What registers the broker is imported by either of the two.
    if (order.config !== undefined) await import(pathToFileURL(order.config).href);
    const implementations = implementationsIn(await import(pathToFileURL(order.module).href), order.module);
    let isFull = false;
    const { broker, namespace, concurrency, schedule, graceMs, maxCalls, nodeQueue } = order;
    const counting = (most: number): Hook =>
      countsAttempts(most, () => {
        isFull = true;
        tell({ kind: "full" });
        void worker.stop({ graceMs: unboundedMs });
      });
    worker = createWorker({
      broker,
      namespace,
      concurrency,
      schedule,
      nodeQueue,
      implementations,
      graceMs,
      log,
      hooks: [...liveLog(log), ...(maxCalls === undefined ? [] : [counting(maxCalls)])],
      handleSignals: false,
      // Another process takes its place.
      stopWhenStuck: true,
    });
    hurry = () => void worker.stop({ graceMs: 0 });
    stop = () => {
      if (hasStopped) return;
      hasStopped = true;
      void worker.stop({ graceMs });
      // It had been given all the time that it wanted.
      if (isFull) setTimeout(hurry, graceMs).unref();
    };
  } catch (thrown) {
    tell({ kind: "unfit", reason: reasonOf(thrown) }, () => process.exit(exitCodes.usage));
    return;
  }
  tell({ kind: "fit" });
  try {
    await worker.run();
    end(0);
  } catch (thrown) {
    log.error({ err: thrown }, "the worker has ended");
    end(1);
  }
}

/** Calls that are done are told of where somebody reads along; elsewhere who asks for it has a line of each, too. */
function liveLog(log: Logger): readonly Hook[] {
  if (process.stderr.isTTY) return [tellsAttempts((fields, message) => log.info(fields, message))];
  if (process.env["TASKPACT_LOG"] !== "debug") return [];
  return [tellsAttempts((fields, message) => log.debug(fields, message))];
}

/** Where a module failed is worth its stack; what our own checks say is not. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof TaskError) return thrown.message;
  if (thrown instanceof UsageError) return [thrown.message, thrown.remedy].join("\n  ");
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}

/** Handlers may have left something open, and what was printed goes out first. */
function end(code: number): void {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

function tell(message: FromMember, told: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, undefined, told);
  else told();
}
