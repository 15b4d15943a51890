import type { Declaration } from "../runtime/declaration.ts";
import { schemasOf } from "../runtime/describe.ts";
import { textsOf } from "./docs.ts";
import { print } from "./output.ts";
import { paramFlags } from "./params.ts";
import type { Project } from "./project.ts";
import { type CommonOptions, openCatalog } from "./session.ts";
import { tableText } from "./table.ts";

/** Lists the tasks of the contracts; of one that is named, tells all. */
export async function list(options: CommonOptions, task?: string): Promise<void> {
  const { declarations, find, project } = await openCatalog(options);
  if (task !== undefined) {
    const declared = find(task);
    const described = describe(project, declared);
    print(options, { ...described, schemas: schemasOf(declared) }, () => taskText(described));
    return;
  }
  const tasks = declarations.map((declaration) => describe(project, declaration));
  print(options, tasks, () =>
    tasks.length === 0
      ? "there are no tasks"
      : tableText(
          ["task", "queue", "policy", "doc"],
          tasks.map(({ name: task, queue, policy, doc }) => ({ task, queue, policy, doc: doc?.split("\n\n", 1)[0] })),
        ),
  );
}

function describe(project: Project, declaration: Declaration) {
  const { name, shortName, queue, task, timeoutMs, attemptTimeoutMs } = declaration;
  const text = textsOf(project, name.slice(0, -shortName.length - 1)).get(shortName);
  return {
    name,
    queue,
    policy: task.policy ?? "local-first",
    doc: text?.doc,
    signature: text?.signature,
    params: paramFlags(declaration),
    errors: Object.keys(task.errors),
    timeoutMs,
    attemptTimeoutMs,
    retry: task.retry,
    schedule: task.schedule,
    tags: task.tags ?? [],
  };
}

function taskText(task: ReturnType<typeof describe>): string {
  const { name, doc, signature, queue, policy, params, errors, timeoutMs, attemptTimeoutMs, retry, schedule, tags } =
    task;
  const flags = params.map(({ flag, required }) => (required ? flag : `[${flag}]`));
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["signature", signature],
    ["queue", queue],
    ["policy", policy],
    ["errors", errors.length === 0 ? undefined : errors.join(", ")],
    ["timeout", `${timeoutMs} ms in all, ${attemptTimeoutMs} ms an attempt`],
    ["attempts", retry === undefined ? undefined : String(retry.attempts)],
    ["schedule", schedule && (schedule.cron ?? `every ${schedule.everyMs} ms`)],
    ["tags", tags.length === 0 ? undefined : tags.join(", ")],
    ["call it", ["taskpact call", name, ...flags].join(" ")],
  ];
  const lines = facts.flatMap(([fact, text]) => (text === undefined ? [] : [`  ${fact.padEnd(9)}  ${text}`]));
  return [name, ...(doc === undefined ? [] : ["", doc]), "", ...lines].join("\n");
}
