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
  type ReadingsCalls,
  type ReadingsHandlersGiven,
  type ReadingsImplementation,
  type ReadingsSafeCalls,
  type ReadingsSignatures,
  type ReadingsSubmitCalls,
  readingsContract,
} from "./readings.ts";
import {
  type ReportCalls,
  type ReportHandlersGiven,
  type ReportImplementation,
  type ReportSafeCalls,
  type ReportSignatures,
  type ReportSubmitCalls,
  reportContract,
} from "./report.ts";

// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.
export type {
  ReadingsCalls,
  ReadingsHandlersGiven,
  ReadingsImplementation,
  ReadingsSafeCalls,
  ReadingsSignatures,
  ReadingsSubmitCalls,
} from "./readings.ts";
export type {
  ReportCalls,
  ReportHandlersGiven,
  ReportImplementation,
  ReportSafeCalls,
  ReportSignatures,
  ReportSubmitCalls,
} from "./report.ts";

/** What goes into and comes out of every task. */
export interface Signatures extends ReadingsSignatures {}
export interface Signatures extends ReportSignatures {}

/** Every task, answering with a value or an error. */
export interface SafeTasks extends ReadingsSafeCalls {}
export interface SafeTasks extends ReportSafeCalls {}

/** Every task that can be submitted, answering with a handle. */
export interface SubmitTasks extends ReadingsSubmitCalls {}
export interface SubmitTasks extends ReportSubmitCalls {}

/** Every task as a function whose call is awaited, and never submitted. */
export interface AwaitedTasks extends ReadingsCalls {}
export interface AwaitedTasks extends ReportCalls {}
export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends ReadingsCalls {}
export interface Tasks extends ReportCalls {}
export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {
  readonly safe: SafeTasks;
  readonly submit: SubmitTasks;
  readonly client: Client<Signatures>;
}

const registry: Registry = {
  shape: "flat",
  contracts: [
    readingsContract,
    reportContract,
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

export interface ReadingsHandlers<Dependencies = {}> extends ReadingsHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/readings.ts, for a worker and for local policies. */
export const implementReadings: {
  <Dependencies = {}>(
    handlers: ReadingsHandlers<NoInfer<Dependencies>>,
    module: string | URL,
    options?: ImplementOptions<Dependencies>,
  ): ReadingsImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/readings.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<ReadingsHandlers<NoInfer<Dependencies>>>,
    module: string | URL,
    options?: ImplementOptions<Dependencies>,
  ): ReadingsImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(readingsContract, registry);

export interface ReportHandlers<Dependencies = {}> extends ReportHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/report.ts, for a worker and for local policies. */
export const implementReport: {
  <Dependencies = {}>(
    handlers: ReportHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): ReportImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/report.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<ReportHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): ReportImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(reportContract, registry);
