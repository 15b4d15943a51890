// Generated from contracts/payments.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/payments.ts";
import * as declared from "../contracts/payments.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/payments.ts. */
export interface PaymentsSignatures {
  /** Charges a customer for an order, once: however often it is called, and however often an attempt of it fails. */
  charge: Signature<(order: string, customer: string, cents: number) => Promise<{ attempts: number }>, { order: string; customer: string; cents: number }, { paymentDeclined: { reason: string } }>;
  /** Gives back what was charged for an order, if anything. */
  refund: Signature<(order: string) => Promise<void>, { order: string }>;
  /** What came in and went out, in the order of time. */
  statement: Signature<() => Promise<{ order: string; customer: string; cents: number }[]>, {}>;
}

export interface PaymentsCalls extends Calls<typeof contract, PaymentsSignatures> {}
export interface PaymentsSafeCalls extends SafeCalls<typeof contract, PaymentsSignatures> {}
export interface PaymentsSubmitCalls extends SubmitCalls<typeof contract, PaymentsSignatures> {}
export interface PaymentsHandlersGiven<Given> extends Handlers<typeof contract, PaymentsSignatures, Given> {}
export interface PaymentsImplementation<Dependencies = {}> extends Implementation<PaymentsSignatures, typeof contract, Dependencies> {}

export const paymentsContract: Contract = contractOf("payments", declared, [
  "charge",
  "refund",
  "statement",
]);
