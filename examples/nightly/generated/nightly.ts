// Generated from contracts/nightly.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/nightly.ts";
import * as declared from "../contracts/nightly.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/nightly.ts. */
export interface NightlySignatures {
  /** Closes the books of the day before: at half past two in Berlin, where one night a year has no such time, and one has it twice. */
  closeDay: Signature<(shop: string) => Promise<{ day: string; orders: number; cents: number }>, { shop: string }>;
  /** Forgets sessions that are older than an hour, four times a day. */
  forgetSessions: Signature<() => Promise<{ forgotten: number }>, {}>;
}

export interface NightlyCalls extends Calls<typeof contract, NightlySignatures> {}
export interface NightlySafeCalls extends SafeCalls<typeof contract, NightlySignatures> {}
export interface NightlySubmitCalls extends SubmitCalls<typeof contract, NightlySignatures> {}
export interface NightlyHandlersGiven<Given> extends Handlers<typeof contract, NightlySignatures, Given> {}
export interface NightlyImplementation<Dependencies = {}> extends Implementation<NightlySignatures, typeof contract, Dependencies> {}

export const nightlyContract: Contract = contractOf("nightly", declared, [
  "closeDay",
  "forgetSessions",
]);
