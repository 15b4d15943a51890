// Generated from contracts/shipping.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/shipping.ts";
import * as declared from "../contracts/shipping.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/shipping.ts. */
export interface ShippingSignatures {
  /** Hands an order to the carrier, and gives the number of its parcel: the same one if it is asked again. */
  ship: Signature<(order: string, country: string) => Promise<string>, { order: string; country: string }, { notDeliverable: { country: string } }>;
}

export interface ShippingCalls extends Calls<typeof contract, ShippingSignatures> {}
export interface ShippingSafeCalls extends SafeCalls<typeof contract, ShippingSignatures> {}
export interface ShippingSubmitCalls extends SubmitCalls<typeof contract, ShippingSignatures> {}
export interface ShippingHandlersGiven<Given> extends Handlers<typeof contract, ShippingSignatures, Given> {}
export interface ShippingImplementation<Dependencies = {}> extends Implementation<ShippingSignatures, typeof contract, Dependencies> {}

export const shippingContract: Contract = contractOf("shipping", declared, [
  "ship",
]);
