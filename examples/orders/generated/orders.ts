// Generated from contracts/orders.ts. Do not edit: change the contract and run `npm run gen:examples`.
/* eslint-disable */
import {
  type Calls,
  type Contract,
  type Handlers,
  type Implementation,
  type SafeCalls,
  type Signature,
  type SubmitCalls,
  contractOf,
} from "taskpact/codegen";
import type * as contract from "../contracts/orders.ts";
import * as declared from "../contracts/orders.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/orders.ts. */
export interface OrdersSignatures {
  /**
   * Places an order: reserves its goods, charges the customer, ships. What was done before a step that fails is undone.
   * Whoever calls it under the order's number, `with({ id })`, may do so twice.
   */
  place: Signature<(order: { number: string; customer: string; country: string; lines: { sku: string; quantity: number }[] }) => Promise<{ cents: number; parcel: string }>, { order: { number: string; customer: string; country: string; lines: { sku: string; quantity: number }[] } }, { outOfStock: { sku: string; left: number }; paymentDeclined: { reason: string }; notDeliverable: { country: string } }, { step: "reserving" | "charging" | "shipping" | "undoing" }>;
}

export interface OrdersCalls extends Calls<typeof contract, OrdersSignatures> {}
export interface OrdersSafeCalls extends SafeCalls<typeof contract, OrdersSignatures> {}
export interface OrdersSubmitCalls extends SubmitCalls<typeof contract, OrdersSignatures> {}
export interface OrdersHandlersGiven<Given> extends Handlers<typeof contract, OrdersSignatures, Given> {}
export interface OrdersImplementation<Dependencies = {}> extends Implementation<OrdersSignatures, typeof contract, Dependencies> {}

export const ordersContract: Contract = contractOf("orders", declared, [
  "place",
]);
