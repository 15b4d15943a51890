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
  type OrdersCalls,
  type OrdersHandlersGiven,
  type OrdersImplementation,
  type OrdersSafeCalls,
  type OrdersSignatures,
  type OrdersSubmitCalls,
  ordersContract,
} from "./orders.ts";
import {
  type PaymentsCalls,
  type PaymentsHandlersGiven,
  type PaymentsImplementation,
  type PaymentsSafeCalls,
  type PaymentsSignatures,
  type PaymentsSubmitCalls,
  paymentsContract,
} from "./payments.ts";
import {
  type ShippingCalls,
  type ShippingHandlersGiven,
  type ShippingImplementation,
  type ShippingSafeCalls,
  type ShippingSignatures,
  type ShippingSubmitCalls,
  shippingContract,
} from "./shipping.ts";
import {
  type StockCalls,
  type StockHandlersGiven,
  type StockImplementation,
  type StockSafeCalls,
  type StockSignatures,
  type StockSubmitCalls,
  stockContract,
} from "./stock.ts";

// Lets other packages name the types of what they export: `export const math = implementMath({ … })`.
export type {
  OrdersCalls,
  OrdersHandlersGiven,
  OrdersImplementation,
  OrdersSafeCalls,
  OrdersSignatures,
  OrdersSubmitCalls,
} from "./orders.ts";
export type {
  PaymentsCalls,
  PaymentsHandlersGiven,
  PaymentsImplementation,
  PaymentsSafeCalls,
  PaymentsSignatures,
  PaymentsSubmitCalls,
} from "./payments.ts";
export type {
  ShippingCalls,
  ShippingHandlersGiven,
  ShippingImplementation,
  ShippingSafeCalls,
  ShippingSignatures,
  ShippingSubmitCalls,
} from "./shipping.ts";
export type {
  StockCalls,
  StockHandlersGiven,
  StockImplementation,
  StockSafeCalls,
  StockSignatures,
  StockSubmitCalls,
} from "./stock.ts";

/** What goes into and comes out of every task. */
export interface Signatures extends OrdersSignatures {}
export interface Signatures extends PaymentsSignatures {}
export interface Signatures extends ShippingSignatures {}
export interface Signatures extends StockSignatures {}

/** Every task, answering with a value or an error. */
export interface SafeTasks extends OrdersSafeCalls {}
export interface SafeTasks extends PaymentsSafeCalls {}
export interface SafeTasks extends ShippingSafeCalls {}
export interface SafeTasks extends StockSafeCalls {}

/** Every task that can be submitted, answering with a handle. */
export interface SubmitTasks extends OrdersSubmitCalls {}
export interface SubmitTasks extends PaymentsSubmitCalls {}
export interface SubmitTasks extends ShippingSubmitCalls {}
export interface SubmitTasks extends StockSubmitCalls {}

/** Every task as a function whose call is awaited, and never submitted. */
export interface AwaitedTasks extends OrdersCalls {}
export interface AwaitedTasks extends PaymentsCalls {}
export interface AwaitedTasks extends ShippingCalls {}
export interface AwaitedTasks extends StockCalls {}
export interface AwaitedTasks extends With<AwaitedTasks, AwaitedTasks, never, Signatures> {
  readonly safe: SafeTasks;
  readonly client: Client<Signatures>;
}

/** Every task as a function. */
export interface Tasks extends OrdersCalls {}
export interface Tasks extends PaymentsCalls {}
export interface Tasks extends ShippingCalls {}
export interface Tasks extends StockCalls {}
export interface Tasks extends With<Tasks, AwaitedTasks, SubmitTasks, Signatures> {
  readonly safe: SafeTasks;
  readonly submit: SubmitTasks;
  readonly client: Client<Signatures>;
}

const registry: Registry = {
  shape: "flat",
  contracts: [
    ordersContract,
    paymentsContract,
    shippingContract,
    stockContract,
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

export interface PaymentsHandlers<Dependencies = {}> extends PaymentsHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/payments.ts, for a worker and for local policies. */
export const implementPayments: {
  <Dependencies = {}>(
    handlers: PaymentsHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): PaymentsImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/payments.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<PaymentsHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): PaymentsImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(paymentsContract, registry);

export interface ShippingHandlers<Dependencies = {}> extends ShippingHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/shipping.ts, for a worker and for local policies. */
export const implementShipping: {
  <Dependencies = {}>(
    handlers: ShippingHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): ShippingImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/shipping.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<ShippingHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): ShippingImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(shippingContract, registry);

export interface StockHandlers<Dependencies = {}> extends StockHandlersGiven<Given<Dependencies>> {}
/** Binds handlers to the tasks of contracts/stock.ts, for a worker and for local policies. */
export const implementStock: {
  <Dependencies = {}>(
    handlers: StockHandlers<NoInfer<Dependencies>>,
    options?: ImplementOptions<Dependencies>,
  ): StockImplementation<Dependencies>;
  /** Binds handlers to some of the tasks of contracts/stock.ts: all others are left to other workers. */
  partial<Dependencies = {}>(
    handlers: Partial<StockHandlers<NoInfer<Dependencies>>>,
    options?: ImplementOptions<Dependencies>,
  ): StockImplementation<Dependencies>;
} = /* @__PURE__ */ implementerOf(stockContract, registry);
