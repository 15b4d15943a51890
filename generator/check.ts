import { placeText } from "./diagnostic.ts";
import { difference } from "./difference.ts";
import type { Generation } from "./generate.ts";
import { differsInDirectiveAlone } from "./page.ts";
import { taskChanges } from "./task-change.ts";
import type { FileChange } from "./write.ts";

/** Whether a generated folder is in step with its contracts, and what there is to say about it. */
export interface CheckResult {
  readonly isInStep: boolean;
  readonly text: string;
}

/** Compares what is generated with what should be. */
export function check(generation: Generation): CheckResult {
  const { assembly, present, strangers } = generation;
  const changes = generation.changes.filter((change) => !isHarmless(change, present));
  const { contracts, command } = assembly.model;
  if (changes.length === 0 && strangers.length === 0) {
    const tasks = contracts.reduce((count, contract) => count + contract.tasks.length, 0);
    return { isInStep: true, text: `in step: ${counted(tasks, "task")} of ${counted(contracts.length, "contract")}` };
  }
  const differing = changes.map(({ path, text }) => {
    const before = present.get(nameOf(path));
    if (text === undefined) return `${path} is of a contract that is no more`;
    if (before === undefined) return `${path} is missing`;
    return `--- ${path}, as it is\n+++ ${path}, as \`${command}\` writes it\n${difference(before, text)}`;
  });
  const tasks = taskChanges(generation).map(({ task, kind, at }) => `${placeText(at)} - ${task} was ${kind}`);
  const files = changes.map(({ path }) => path);
  const remedies = [
    ...(files.length > 0 ? [`out of step with the contracts: ${files.join(", ")}\n  run: ${command}`] : []),
    ...(strangers.length > 0
      ? [
          `not generated, and in the folder that is: ${strangers.join(", ")}\n  move or delete ${strangers.length === 1 ? "it" : "them"}`,
        ]
      : []),
  ];
  return {
    isInStep: false,
    text: [...differing, tasks.join("\n"), ...remedies].filter((part) => part !== "").join("\n\n"),
  };
}

/** Whether a linter's fix explains what is to be written. */
function isHarmless({ path, text }: FileChange, present: Generation["present"]): boolean {
  const before = present.get(nameOf(path));
  return text !== undefined && before !== undefined && differsInDirectiveAlone(before, text);
}

function nameOf(path: string): string {
  return path.replace(/^.*\//, "");
}

/** `1 task`, `2 tasks`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
