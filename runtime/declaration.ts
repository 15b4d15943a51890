import type { Retry } from "./backoff.ts";
import type { CpuKind, Task } from "./contract.ts";
import { TaskError } from "./errors.ts";
import { type Gate, gateOf, paramsGate } from "./gate.ts";
import { isLimited } from "./limits.ts";
import type { Contract } from "./registry.ts";

/** A task as the runtime uses it: its names, its gates and its settings with their defaults. */
export interface Declaration {
  readonly task: Task;
  /** `math.addition`. */
  readonly name: string;
  /** `addition`. */
  readonly shortName: string;
  readonly queue: string;
  /** Whose contract it is of, as its registry says. */
  readonly owner: string | undefined;
  /** By what it is known whether it is served: its name, and with it its queue where a call has named another one. */
  readonly route: string;
  /** What its handler runs in, if not in the event loop. */
  readonly cpu: CpuKind | undefined;
  readonly paramNames: readonly string[];
  readonly params: Gate;
  readonly result: Gate;
  readonly errors: ReadonlyMap<string, Gate>;
  readonly progress: Gate;
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly retry: Retry | undefined;
  /** Whether its handler may begin only once. */
  readonly atMostOnce: boolean;
  readonly resultTtlMs: number;
  /** Whether it has limits, and so runs on workers alone. */
  readonly limited: boolean;
}

const defaultTimeoutMs = 30_000;
const defaultAttemptTimeoutMs = 600_000;
const defaultResultTtlMs = 3_600_000;

const declarations = new WeakMap<Contract, Map<string | undefined, ReadonlyMap<string, Declaration>>>();

/** A contract's tasks by their short names; made once a contract and owner, and each gate at its first use. */
export function declarationsOf(contract: Contract, owner?: string): ReadonlyMap<string, Declaration> {
  let byOwner = declarations.get(contract);
  if (byOwner === undefined) declarations.set(contract, (byOwner = new Map()));
  let known = byOwner.get(owner);
  if (known === undefined) {
    known = new Map(Object.entries(contract.tasks).map(([name, task]) => [name, declare(contract, owner, name, task)]));
    byOwner.set(owner, known);
  }
  return known;
}

/** A task whose calls go to another queue. */
export function inQueue(declaration: Declaration, queue: string | undefined): Declaration {
  if (queue === undefined || queue === declaration.queue) return declaration;
  return { ...declaration, queue, route: `${declaration.name} ${queue}` };
}

function declare(contract: Contract, owner: string | undefined, shortName: string, task: Task): Declaration {
  return {
    owner,
    task,
    name: `${contract.name}.${shortName}`,
    shortName,
    route: `${contract.name}.${shortName}`,
    // A queue of their own: a worker then takes no more of them than it has threads for, and they stand in nobody's way.
    queue: task.queue ?? (task.cpu === undefined ? contract.name : `${contract.name}.cpu`),
    cpu: task.cpu === true ? "thread" : task.cpu,
    paramNames: Object.keys(task.params),
    params: once(() => paramsGate(task.params)),
    result: once(() => gateOf(task.result, "invalid_result", "result")),
    errors: new Map(
      Object.entries(task.errors).map(([name, schema]) => [
        name,
        once(() => gateOf(schema, "invalid_result", `errors.${name}`)),
      ]),
    ),
    progress:
      task.progress === undefined
        ? defaultProgressGate
        : once(() => gateOf(task.progress as NonNullable<typeof task.progress>, "invalid_result", "progress")),
    timeoutMs: task.timeoutMs ?? defaultTimeoutMs,
    attemptTimeoutMs: task.attemptTimeoutMs ?? defaultAttemptTimeoutMs,
    retry: task.retry,
    atMostOnce: task.delivery === "at-most-once",
    resultTtlMs: task.resultTtlMs ?? defaultResultTtlMs,
    limited: isLimited(task),
  };
}

/** Builds a gate when it is first passed: a client of 1,000 tasks uses few of them. */
function once(make: () => Gate): Gate {
  let gate: Gate | undefined;
  return { pass: (value) => (gate ??= make()).pass(value) };
}

/** The progress of a task that declares no schema for it. */
const defaultProgressGate: Gate = {
  pass(value) {
    const { current, total } = (value ?? {}) as { current?: unknown; total?: unknown };
    if (typeof current === "number" && typeof total === "number") return { current, total };
    throw new TaskError("invalid_result", "progress must be { current: number, total: number }");
  },
};
