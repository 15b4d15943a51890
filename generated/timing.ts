// Generated from contracts/timing.ts. Do not edit: change the contract and run `npm run gen`.
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
import type * as contract from "../contracts/timing.ts";
import * as declared from "../contracts/timing.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/timing.ts. */
export interface TimingSignatures {
  /** Waits, without blocking, and answers how long it really took, ms. */
  asynchronous: Signature<(lagMs: number) => Promise<number>, { lagMs: number }>;
}

export interface TimingCalls extends Calls<typeof contract, TimingSignatures> {}
export interface TimingSafeCalls extends SafeCalls<typeof contract, TimingSignatures> {}
export interface TimingSubmitCalls extends SubmitCalls<typeof contract, TimingSignatures> {}
export interface TimingHandlersGiven<Given> extends Handlers<typeof contract, TimingSignatures, Given> {}
export interface TimingImplementation<Dependencies = {}> extends Implementation<TimingSignatures, typeof contract, Dependencies> {}

export const timingContract: Contract = contractOf("timing", declared, [
  "asynchronous",
]);
