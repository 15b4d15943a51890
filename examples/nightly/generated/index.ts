// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */
import {
  type Client,
  type ClientOptions,
  type ImplementOptions,
  type IsDeclared,
  type Registry,
  type With,
  createClient,
  declaredBy,
  implementerOf,
} from "taskpact/codegen";
import {
  type NightlyCalls,
  type NightlyHandlersGiven,
  type NightlyImplementation,
  type NightlySafeCalls,
  type NightlySignatures,
  type NightlySubmitCalls,
  nightlyContract,
} from "./nightly.ts";

// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.
export type {
  NightlyCalls,
  NightlyHandlersGiven,
  NightlyImplementation,
  NightlySafeCalls,
  NightlySignatures,
  NightlySubmitCalls,
} from "./nightly.ts";

/** What goes into and comes out of every task. */
export interface Signatures extends NightlySignatures {}

/** Every task, answering with a value or an error. */
export interface SafeTasks extends NightlySafeCalls {}

/** Every task that can be submitted, answering with a handle. */
export interface SubmitTasks extends NightlySubmitCalls {}

/** Every task as a function whose call is awaited, and never submitted. */
export interface AwaitedTasks extends NightlyCalls {}
export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends NightlyCalls {}
export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {
  readonly safe: SafeTasks;
  readonly submit: SubmitTasks;
  readonly client: Client<Signatures>;
}

const registry: Registry = {
  shape: "flat",
  contracts: [
    nightlyContract,
  ],
  owner: "taskpact",
  docs: async () => (await import("./task-docs.ts")).docs,
};

/** Makes a client: an object on which every task is a function. */
export function createTasks(options: ClientOptions): Tasks {
  return createClient<Tasks>(registry, options);
}

/** Whether an error is a declared one of a task, and types its data. */
export const isDeclared: IsDeclared<Signatures> = declaredBy<Signatures>(registry);

/** What the contexts of handlers have besides. */
interface Given<Dependencies> {
  /** Calls other tasks, as part of the call that runs. */
  readonly tasks: Tasks;
  /** What the implementation's `dependencies` have opened. */
  readonly dependencies: Dependencies;
}

export interface NightlyHandlers<Dependencies = {}> extends NightlyHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/nightly.ts, for a worker and for local policies. */
export const implementNightly: {
  <Dependencies = {}>(
    handlers: NightlyHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): NightlyImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/nightly.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<NightlyHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): NightlyImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(nightlyContract, registry);
