import { text as readAll } from "node:stream/consumers";
import { inspect } from "node:util";
import { TaskError } from "../runtime/errors.ts";
import type { Policy, Priority } from "../runtime/contract.ts";
import { onStopSignals } from "../runtime/signals.ts";
import { print } from "./output.ts";
import { readParams } from "./params.ts";
import { ProgressBar } from "./progress-bar.ts";
import { type CommonOptions, withSession } from "./session.ts";

interface CallFlags extends CommonOptions {
  readonly timeout?: number | undefined;
  readonly policy: Policy;
  readonly priority?: Priority | undefined;
  readonly id?: string | undefined;
  readonly queue?: string | undefined;
}

interface SubmitFlags extends CommonOptions {
  readonly acceptTimeout?: number | undefined;
  readonly delay?: number | undefined;
  readonly at?: Date | undefined;
  readonly expires?: number | undefined;
  readonly priority?: Priority | undefined;
  readonly id?: string | undefined;
  readonly queue?: string | undefined;
}

/** Calls a task, waits, and prints its result. */
export async function call(options: CallFlags, task: string, ...words: readonly string[]): Promise<void> {
  await withSession(options, async (session) => {
    const declaration = session.find(task);
    const params = await readParams(declaration, words, readInput);
    const { timeout: timeoutMs, policy, priority, id, queue } = options;
    const bar = new ProgressBar();
    const interruption = new AbortController();
    // The first interruption cancels the call, which is told; a second one ends the command as it would without us.
    const undo = onStopSignals((again) => {
      interruption.abort(new TaskError("canceled", "it was interrupted"));
      if (again) process.exit(130);
    });
    try {
      const { signal } = interruption;
      const onProgress = (progress: unknown): void => bar.show(progress);
      const given = { policy, timeoutMs, priority, id, queue, signal, onProgress };
      const result = await session.call(declaration, params, given);
      bar.clear();
      print(options, result, () => (result === undefined ? "" : shownResult(result)));
    } finally {
      bar.clear();
      undo();
    }
  });
}

/** Hands a call to its queue, and prints its id. */
export async function submit(options: SubmitFlags, task: string, ...words: readonly string[]): Promise<void> {
  await withSession(options, async (session) => {
    const declaration = session.find(task);
    const params = await readParams(declaration, words, readInput);
    const { acceptTimeout: acceptTimeoutMs, delay: delayMs, at: runAt, expires: expiresInMs } = options;
    const { priority, id: given, queue } = options;
    const how = { acceptTimeoutMs, delayMs, runAt, expiresInMs, priority, id: given, queue };
    const { id } = await session.submit(declaration, params, how);
    print(options, { id, task: declaration.name }, () => id);
  });
}

/** Text as it is, so that it can be piped; what has parts as Node shows it. */
export function shownResult(result: unknown): string {
  return typeof result === "string" ? result : inspect(result, { depth: 10, colors: hasColors() });
}

/** A terminal that wants them: `NO_COLOR` and its like are known to Node. */
function hasColors(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors();
}

function readInput(): Promise<string> {
  return readAll(process.stdin);
}
