// Generated from the contracts. Do not edit: change a contract and run `npm run gen`.
import {
  type Client,
  type ClientOptions,
  type IsDeclared,
  type Registry,
  type With,
  createClient,
  declaredBy,
  implement,
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

/** Every task as a function that runs here or not at all. */
export interface LocalTasks extends MathCalls {}
export interface LocalTasks extends OrdersCalls {}
export interface LocalTasks extends TextCalls {}
export interface LocalTasks extends TimingCalls {}
export interface LocalTasks extends With<LocalTasks, LocalTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends MathCalls {}
export interface Tasks extends OrdersCalls {}
export interface Tasks extends TextCalls {}
export interface Tasks extends TimingCalls {}
export interface Tasks extends With<Tasks, LocalTasks, SubmitTasks, Signatures> {
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
};

/** Makes a client: an object on which every task is a function. */
export function createTasks(options: ClientOptions): Tasks {
  return createClient<Tasks>(registry, options);
}

/** Whether an error is a declared one of a task, and types its data. */
export const isDeclared: IsDeclared<Signatures> = declaredBy<Signatures>(registry);

/** What the contexts of handlers have besides. */
interface Given {
  /** Calls other tasks, as part of the call that runs. */
  readonly tasks: Tasks;
}

export interface MathHandlers extends MathHandlersGiven<Given> {}
/** Binds handlers to the tasks of contracts/math.ts, for a worker and for local policies. */
export function implementMath(handlers: MathHandlers): MathImplementation {
  return implement(mathContract, handlers, registry);
}

export interface OrdersHandlers extends OrdersHandlersGiven<Given> {}
/** Binds handlers to the tasks of contracts/orders.ts, for a worker and for local policies. */
export function implementOrders(handlers: OrdersHandlers): OrdersImplementation {
  return implement(ordersContract, handlers, registry);
}

export interface TextHandlers extends TextHandlersGiven<Given> {}
/** Binds handlers to the tasks of contracts/text.ts, for a worker and for local policies. */
export function implementText(handlers: TextHandlers): TextImplementation {
  return implement(textContract, handlers, registry);
}

export interface TimingHandlers extends TimingHandlersGiven<Given> {}
/** Binds handlers to the tasks of contracts/timing.ts, for a worker and for local policies. */
export function implementTiming(handlers: TimingHandlers): TimingImplementation {
  return implement(timingContract, handlers, registry);
}
