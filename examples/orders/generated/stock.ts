// Generated from contracts/stock.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/stock.ts";
import * as declared from "../contracts/stock.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/stock.ts. */
export interface StockSignatures {
  /** What there is, by article. */
  inventory: Signature<() => Promise<Record<string, number>>, {}>;
  /** Puts back what was set aside for an order, if anything. */
  release: Signature<(order: string) => Promise<void>, { order: string }>;
  /** Sets goods aside for an order, all or nothing, and says what they cost. For the same order again, nothing more is set aside. */
  reserve: Signature<(order: string, lines: { sku: string; quantity: number }[]) => Promise<{ cents: number }>, { order: string; lines: { sku: string; quantity: number }[] }, { outOfStock: { sku: string; left: number } }>;
}

export interface StockCalls extends Calls<typeof contract, StockSignatures> {}
export interface StockSafeCalls extends SafeCalls<typeof contract, StockSignatures> {}
export interface StockSubmitCalls extends SubmitCalls<typeof contract, StockSignatures> {}
export interface StockHandlersGiven<Given> extends Handlers<typeof contract, StockSignatures, Given> {}
export interface StockImplementation<Dependencies = {}> extends Implementation<StockSignatures, typeof contract, Dependencies> {}

export const stockContract: Contract = contractOf("stock", declared, [
  "inventory",
  "release",
  "reserve",
]);
