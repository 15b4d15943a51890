import type { CallStatus } from "../runtime/handle.ts";
import { TaskError } from "../runtime/errors.ts";
import type { KeptCall } from "../runtime/parked.ts";
import { isTerminal } from "../runtime/state.ts";
import { shownResult } from "./call.ts";
import { jsonText } from "./json.ts";
import { momentText, print } from "./output.ts";
import { barText } from "./progress-bar.ts";
import { type CommonOptions, withSession } from "./session.ts";

interface CallFlags extends CommonOptions {
  readonly queue?: string | undefined;
}

/** Prints where a call stands. */
export async function status(options: CallFlags, task: string, id: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const found = await client.handle(find(task).name, id, whereOf(options)).status();
    print(options, { id, task: find(task).name, ...found }, () => statusText(found));
  });
}

/** Prints all that is kept of a call: its status and its answer; for one whose request was kept, what was asked, too. */
export async function show(options: CallFlags, task: string, id: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    const kept = await keptCall(() => client.parked.show(name, id, whereOf(options)));
    if (kept !== undefined) {
      print(options, kept, () => keptText(kept));
      return;
    }
    const handle = client.handle(name, id, whereOf(options));
    const found = await handle.status();
    const answer = isTerminal(found.state) ? await handle.safeResult() : undefined;
    const ended =
      answer === undefined
        ? {}
        : answer.ok
          ? { result: answer.value }
          : { error: { code: answer.error.code, name: answer.error.name, message: answer.error.message } };
    print(options, { id, task: name, ...found, ...ended }, () =>
      [
        statusText(found),
        ...("result" in ended ? [`result: ${shownResult(ended.result)}`] : []),
        ...("error" in ended && ended.error !== undefined ? [`error: ${ended.error.message}`] : []),
      ].join("\n"),
    );
  });
}

/** Cancels a call, and prints the state that it is in now. */
export async function cancel(options: CallFlags, task: string, id: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { name } = find(task);
    const state = await client.handle(name, id, whereOf(options)).cancel();
    print(options, { id, task: name, state }, () => state);
  });
}

/** In which queue the call is: none is that of its contract. */
export function whereOf({ queue }: { readonly queue?: string | undefined }): { readonly queue: string | undefined } {
  return { queue };
}

/** Undefined for one whose request was not kept, as of most calls. */
async function keptCall(look: () => Promise<KeptCall>): Promise<KeptCall | undefined> {
  try {
    return await look();
  } catch (thrown) {
    if (thrown instanceof TaskError && (thrown as TaskError).code === "invalid_argument") return undefined;
    throw thrown;
  }
}

function statusText({ state, attempt, deaths, progress, parentId, rootId, metadata }: CallStatus): string {
  return [
    state,
    ...(attempt > 0 ? [`attempt ${attempt}`] : []),
    ...(deaths > 0 ? [`${deaths} workers died with it`] : []),
    ...(progress === undefined ? [] : [barText(progress)]),
    ...(parentId === undefined ? [] : [`called by ${parentId}`]),
    ...(rootId === undefined || rootId === parentId ? [] : [`begun with ${rootId}`]),
    ...(metadata === undefined ? [] : [`metadata ${jsonText(metadata)}`]),
  ].join(", ");
}

function keptText(call: KeptCall): string {
  const { id, task, state, attempt, deaths, generation, priority, params, parkedAt, reason, errors } = call;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["id", id],
    ["task", task],
    ["state", state],
    ["attempts", String(attempt)],
    ["deaths", String(deaths)],
    ["generation", String(generation)],
    ["priority", priority],
    ["parked at", momentText(parkedAt)],
    ["reason", reason?.message],
    ["params", params === undefined ? "can't be read" : jsonText(params)],
    ...errors.map(
      ({ attempt: of, code, message, worker }) =>
        [`attempt ${of ?? "?"}`, `[${code}] ${message}${worker === undefined ? "" : ` (worker ${worker})`}`] as const,
    ),
  ];
  return lines.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(10)}  ${text}`])).join("\n");
}
