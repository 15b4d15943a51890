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
  type CrawlerCalls,
  type CrawlerHandlersGiven,
  type CrawlerImplementation,
  type CrawlerSafeCalls,
  type CrawlerSignatures,
  type CrawlerSubmitCalls,
  crawlerContract,
} from "./crawler.ts";

// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.
export type {
  CrawlerCalls,
  CrawlerHandlersGiven,
  CrawlerImplementation,
  CrawlerSafeCalls,
  CrawlerSignatures,
  CrawlerSubmitCalls,
} from "./crawler.ts";

/** What goes into and comes out of every task. */
export interface Signatures extends CrawlerSignatures {}

/** Every task, answering with a value or an error. */
export interface SafeTasks extends CrawlerSafeCalls {}

/** Every task that can be submitted, answering with a handle. */
export interface SubmitTasks extends CrawlerSubmitCalls {}

/** Every task as a function whose call is awaited, and never submitted. */
export interface AwaitedTasks extends CrawlerCalls {}
export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends CrawlerCalls {}
export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {
  readonly safe: SafeTasks;
  readonly submit: SubmitTasks;
  readonly client: Client<Signatures>;
}

const registry: Registry = {
  shape: "flat",
  contracts: [
    crawlerContract,
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

export interface CrawlerHandlers<Dependencies = {}> extends CrawlerHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/crawler.ts, for a worker and for local policies. */
export const implementCrawler: {
  <Dependencies = {}>(
    handlers: CrawlerHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): CrawlerImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/crawler.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<CrawlerHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): CrawlerImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(crawlerContract, registry);
