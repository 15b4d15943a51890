import type { BoundTask } from "../bound-task.ts";
import { checkProgressBytes } from "../carried.ts";
import { encode } from "../codec.ts";
import { describeError } from "../describe-error.ts";
import { fromWire, type Reply, readRequest, toWire, type WireError, writeReply } from "../envelope.ts";
import { TaskError } from "../errors.ts";
import { newHeader } from "../header.ts";
import { Attempt, type Nest, type Outcome } from "../invoke.ts";
import type { LockGiver } from "../lock-room.ts";
import type { Logger } from "../log.ts";
import { thrownText, tried } from "../thrown.ts";
import type { FromMember, RunMessage } from "./message.ts";
import { clearTimeout, performance, setTimeout } from "../real-time.ts";

type Send = (message: FromMember) => void;

/** There is no client in a thread, and no slot to lend. */
const nest: Nest = {
  tasksFor: (): never => {
    const remedy = "let a task without cpu make the call, or make a client in the handlers' module";
    throw new TaskError("unimplemented", `a handler of a task with cpu has no context.tasks: ${remedy}`);
  },
  lend: () => undefined,
};
const locks: LockGiver = {
  take: async () => {
    throw new TaskError(
      "unimplemented",
      "a handler of a task with cpu has no context.lock: there is no broker in a thread",
    );
  },
};

/** How often progress is sent at the most, ms: what comes between is left out, but for the newest. */
const progressEveryMs = 20;

/**
 * Runs an attempt in a pool's thread or process: the same gates and the same context as elsewhere, but what the handler
 * gives goes out as messages.
 *
 * @returns what aborts it.
 */
export function serve(tasks: readonly BoundTask[], run: RunMessage, send: Send): (error: WireError) => void {
  const bound = tasks.find(({ declaration }) => declaration.shortName === run.task);
  if (bound === undefined) {
    send(ended(run, { ok: false, error: new TaskError("unimplemented", `the module has no task ${run.task}`) }));
    return () => undefined;
  }
  const progress = new PacedProgress(send);
  const { callId, attempt: number, fence, limitMs, limitedByCall, maxBytes } = run;
  const request = readRequest(run.record);
  const attempt = new Attempt(bound, request.params, {
    callId,
    origin: request,
    nest,
    holder: run,
    queue: bound.declaration.queue,
    nodeQueue: run.nodeQueue,
    locks,
    attempt: number,
    fence,
    limitMs,
    limitedByCall,
    describe: describeError,
    get dependencies(): never {
      throw new TaskError(
        "unimplemented",
        "a handler of a task with cpu has no context.dependencies: open what it needs in the handlers' module",
      );
    },
    log: sentLines(send),
    onProgress: (value) => progress.report(encodedProgress(value, maxBytes)),
  });
  void Promise.resolve(attempt.outcome).then(async (outcome) => {
    // Until its handler is done, nothing else runs here.
    await attempt.settled;
    progress.end();
    send(ended(run, outcome));
  });
  return (error) => attempt.abort(fromWire(error, bound.declaration.name, callId));
}

/** Encodes a progress. @throws TaskError `resource_exhausted` for one that is too large. */
export function encodedProgress(value: unknown, maxBytes: number): Uint8Array {
  const told = encode(value);
  checkProgressBytes(told.length, maxBytes);
  return told;
}

/** A loop may report a million times before it ends, and each message costs the other side a turn. */
class PacedProgress {
  readonly #send: Send;
  #sentAt = Number.NEGATIVE_INFINITY;
  #newest: Uint8Array | undefined;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(send: Send) {
    this.#send = send;
  }

  report(value: Uint8Array): void {
    if (this.#over) return;
    this.#newest = value;
    const restMs = this.#sentAt + progressEveryMs - performance.now();
    if (restMs <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), restMs);
  }

  end(): void {
    this.#flush();
    this.#over = true;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#newest === undefined) return;
    this.#send({ kind: "progress", value: this.#newest });
    this.#newest = undefined;
    this.#sentAt = performance.now();
  }
}

function ended(run: RunMessage, outcome: Outcome): FromMember {
  const wish = outcome.ok ? undefined : outcome.wish;
  try {
    return { kind: "ended", ok: outcome.ok, record: record(run, reply(outcome)), wish };
  } catch (thrown) {
    const error = new TaskError("invalid_result", `result: ${TaskError.from(thrown).reason}`, { attempt: run.attempt });
    return { kind: "ended", ok: false, record: record(run, { error: toWire(error as never) }) };
  }
}

function reply(outcome: Outcome): Reply {
  return outcome.ok ? { value: outcome.sent } : { error: toWire(outcome.error) };
}

function record({ keepRequest, record }: RunMessage, reply: Reply): Uint8Array {
  const header = newHeader({ state: "value" in reply ? "succeeded" : "failed" });
  return writeReply(header, reply, keepRequest ? record : undefined);
}

/** A logger whose lines are written on the other side. */
function sentLines(send: Send): Logger {
  const line = (level: (FromMember & { kind: "log" })["level"]) => (fields: object, message: string) => {
    try {
      send({ kind: "log", level, fields, message });
    } catch {
      const told = Object.entries(fields).map(([name, value]) => [
        name,
        isCloneable(value) ? value : (tried(() => String(value)) ?? thrownText(value)),
      ]);
      send({ kind: "log", level, fields: Object.fromEntries(told) as object, message });
    }
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

/** Functions, and what holds one, can't be sent: in a line they are told as text. */
function isCloneable(value: unknown): boolean {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}
