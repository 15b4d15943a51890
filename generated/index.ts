// Generated from the contracts. Do not edit: change a contract and run `npm run gen`.
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
  type MathCalls,
  type MathHandlersGiven,
  type MathImplementation,
  type MathSafeCalls,
  type MathSignatures,
  type MathSubmitCalls,
  mathContract,
} from "./math.ts";
import {
  type OrdersCalls,
  type OrdersHandlersGiven,
  type OrdersImplementation,
  type OrdersSafeCalls,
  type OrdersSignatures,
  type OrdersSubmitCalls,
  ordersContract,
} from "./orders.ts";
import {
  type TextCalls,
  type TextHandlersGiven,
  type TextImplementation,
  type TextSafeCalls,
  type TextSignatures,
  type TextSubmitCalls,
  textContract,
} from "./text.ts";
import {
  type TimingCalls,
  type TimingHandlersGiven,
  type TimingImplementation,
  type TimingSafeCalls,
  type TimingSignatures,
  type TimingSubmitCalls,
  timingContract,
} from "./timing.ts";

// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.
export type {
  MathCalls,
  MathHandlersGiven,
  MathImplementation,
  MathSafeCalls,
  MathSignatures,
  MathSubmitCalls,
} from "./math.ts";
export type {
  OrdersCalls,
  OrdersHandlersGiven,
  OrdersImplementation,
  OrdersSafeCalls,
  OrdersSignatures,
  OrdersSubmitCalls,
} from "./orders.ts";
export type {
  TextCalls,
  TextHandlersGiven,
  TextImplementation,
  TextSafeCalls,
  TextSignatures,
  TextSubmitCalls,
} from "./text.ts";
export type {
  TimingCalls,
  TimingHandlersGiven,
  TimingImplementation,
  TimingSafeCalls,
  TimingSignatures,
  TimingSubmitCalls,
} from "./timing.ts";

/** What goes into and comes out of every task. */
export interface Signatures extends MathSignatures {}
export interface Signatures extends OrdersSignatures {}
export interface Signatures extends TextSignatures {}
export interface Signatures extends TimingSignatures {}

/** Every task, answering with a value or an error. */
export interface SafeTasks extends MathSafeCalls {}
export interface SafeTasks extends OrdersSafeCalls {}
export interface SafeTasks extends TextSafeCalls {}
export interface SafeTasks extends TimingSafeCalls {}

/** Every task that can be submitted, answering with a handle. */
export interface SubmitTasks extends MathSubmitCalls {}
export interface SubmitTasks extends OrdersSubmitCalls {}
export interface SubmitTasks extends TextSubmitCalls {}
export interface SubmitTasks extends TimingSubmitCalls {}

/** Every task as a function whose call is awaited, and never submitted. */
export interface AwaitedTasks extends MathCalls {}
export interface AwaitedTasks extends OrdersCalls {}
export interface AwaitedTasks extends TextCalls {}
export interface AwaitedTasks extends TimingCalls {}
export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends MathCalls {}
export interface Tasks extends OrdersCalls {}
export interface Tasks extends TextCalls {}
export interface Tasks extends TimingCalls {}
export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {
  readonly safe: SafeTasks;
  readonly submit: SubmitTasks;
  readonly client: Client<Signatures>;
}

const registry: Registry = {
  shape: "flat",
  contracts: [
    mathContract,
    ordersContract,
    textContract,
    timingContract,
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

export interface MathHandlers<Dependencies = {}> extends MathHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/math.ts, for a worker and for local policies. */
export const implementMath: {
  <Dependencies = {}>(
    handlers: MathHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): MathImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/math.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<MathHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): MathImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(mathContract, registry);

export interface OrdersHandlers<Dependencies = {}> extends OrdersHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/orders.ts, for a worker and for local policies. */
export const implementOrders: {
  <Dependencies = {}>(
    handlers: OrdersHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): OrdersImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/orders.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<OrdersHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): OrdersImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(ordersContract, registry);

export interface TextHandlers<Dependencies = {}> extends TextHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/text.ts, for a worker and for local policies. */
export const implementText: {
  <Dependencies = {}>(
    handlers: TextHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): TextImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/text.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<TextHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): TextImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(textContract, registry);

export interface TimingHandlers<Dependencies = {}> extends TimingHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/timing.ts, for a worker and for local policies. */
export const implementTiming: {
  <Dependencies = {}>(
    handlers: TimingHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): TimingImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/timing.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<TimingHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): TimingImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(timingContract, registry);
