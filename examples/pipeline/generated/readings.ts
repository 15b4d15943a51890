// Generated from contracts/readings.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/readings.ts";
import * as declared from "../contracts/readings.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/readings.ts. */
export interface ReadingsSignatures {
  /** Finds where a file can be cut into chunks: between lines, some `chunkBytes` apart. */
  cut: Signature<(file: string, chunkBytes: number) => Promise<{ file: string; from: number; to: number }[]>, { file: string; chunkBytes: number }>;
  /** Sums up the readings of a chunk. That computes, and so runs in a thread: the worker's event loop stays free for all else. */
  sumUp: Signature<(file: string, from: number, to: number) => Promise<{ readings: number; summaries: { station: string; month: number; count: number; sum: number; least: number; most: number }[] }>, { file: string; from: number; to: number }>;
}

export interface ReadingsCalls extends Calls<typeof contract, ReadingsSignatures> {}
export interface ReadingsSafeCalls extends SafeCalls<typeof contract, ReadingsSignatures> {}
export interface ReadingsSubmitCalls extends SubmitCalls<typeof contract, ReadingsSignatures> {}
export interface ReadingsHandlersGiven<Given> extends Handlers<typeof contract, ReadingsSignatures, Given> {}
export interface ReadingsImplementation<Dependencies = {}> extends Implementation<ReadingsSignatures, typeof contract, Dependencies> {}

export const readingsContract: Contract = contractOf("readings", declared, [
  "cut",
  "sumUp",
]);
