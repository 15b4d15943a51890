import type { Place } from "./diagnostic.ts";
import { taskLines } from "./emit-contract.ts";
import type { Generation } from "./generate.ts";

/** A task whose generated lines are not those that they should be. */
export interface TaskChange {
  /** `math.addition`. */
  readonly task: string;
  readonly kind: "added" | "changed" | "removed";
  /** Where its contract declares it, or, for one that was removed, used to. */
  readonly at: Place;
}

/** The tasks in which a generated folder differs from its contracts, by contract and name. */
export function taskChanges({ assembly, present }: Generation): readonly TaskChange[] {
  return assembly.model.contracts.flatMap(({ name, path, tasks, tombstones }) => {
    const text = `\n${(present.get(`${name}.ts`) ?? "").replaceAll("\r\n", "\n")}`;
    const hasTask = (task: string): boolean => text.includes(`\n  ${task}: Signature<`);
    const start = { file: path, line: 1, column: 1 };
    const changed = tasks
      .filter((task) => !text.includes(`\n${taskLines(task).join("\n")}\n`))
      .map((task): TaskChange => {
        const wireName = `${name}.${task.name}`;
        const kind = hasTask(task.name) ? "changed" : "added";
        return { task: wireName, kind, at: assembly.places.get(wireName) ?? start };
      });
    const removed = tombstones
      .filter(hasTask)
      .map((task): TaskChange => ({ task: `${name}.${task}`, kind: "removed", at: start }));
    return [...changed, ...removed];
  });
}

const shownTasks = 5;

/** `added math.power; changed math.division`, or nothing where only other lines differ. */
export function taskChangesText(changes: readonly TaskChange[]): string {
  const kinds = (["added", "changed", "removed"] as const).flatMap((kind) => {
    const names = changes.filter((change) => change.kind === kind).map((change) => change.task);
    const more = names.length > shownTasks ? ` and ${names.length - shownTasks} more` : "";
    return names.length === 0 ? [] : [`${kind} ${names.slice(0, shownTasks).join(", ")}${more}`];
  });
  return kinds.join("; ");
}
