import type { CallOptions, CallStatus, SubmitOptions, TaskError, WaitOptions } from "taskpact";
import { type ClientOptions, contractOf, createClient, type Registry } from "taskpact/codegen";
import * as declared from "./contract.ts";

/** The tasks under faults, by name. */
export type Name = keyof typeof declared;
export const names = Object.keys(declared) as Name[];

const registry: Registry = { shape: "flat", contracts: [contractOf("faults", declared, names)] };

/** The contract with some of its tasks: those that a worker is to run. */
export function contractWith(only: readonly Name[]): ReturnType<typeof contractOf> {
  return contractOf("faults", declared, [...only]);
}

/** The queue of the tasks that don't name another. */
export const queue = "faults";
/** That of `errand`. */
export const errands = "faults-errands";

/** What all but `echo` answer: which run it is the answer of. */
export interface RunAnswer {
  readonly number: number;
  readonly attempt: number;
  readonly fence: number;
  readonly pid: number;
}

export type Answer =
  | { readonly ok: true; readonly value: RunAnswer }
  | { readonly ok: false; readonly error: TaskError };

export interface Handle {
  readonly id: string;
  status(): Promise<CallStatus>;
  result(options?: WaitOptions): Promise<RunAnswer>;
  safeResult(options?: WaitOptions): Promise<Answer>;
  cancel(): Promise<string>;
}

/** The face of these tasks, as far as faults need its types. */
export interface FaultTasks extends Record<Name, (...args: unknown[]) => Promise<RunAnswer>> {
  readonly safe: Record<Name, (...args: unknown[]) => Promise<Answer>>;
  readonly submit: Record<Name, (...args: unknown[]) => Promise<Handle>>;
  readonly client: { handle(task: Name, id: string): Handle; close(): Promise<void> };
  with(options: CallOptions | SubmitOptions): FaultTasks;
}

export function createFaultTasks(options: ClientOptions): FaultTasks {
  return createClient<FaultTasks>(registry, options);
}
