// Generated from contracts/report.ts. Do not edit: change the contract and run `npm run gen:examples`.
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
import type * as contract from "../contracts/report.ts";
import * as declared from "../contracts/report.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/report.ts. */
export interface ReportSignatures {
  /** Draws a page with a chart. @returns the path of the page */
  draw: Signature<(folder: string, months: { station: string; month: number; count: number; mean: number; least: number; most: number }[]) => Promise<string>, { folder: string; months: { station: string; month: number; count: number; mean: number; least: number; most: number }[] }>;
  /** Makes a report of measurements: reads all files in chunks, many at a time, and draws what they say. */
  report: Signature<(folder: string, chunkBytes?: number) => Promise<{ page: string; readings: number; chunks: number; stations: number }>, { folder: string; chunkBytes: number }, { nothingToRead: { folder: string } }, { step: "listing" | "reading" | "drawing"; current: number; total: number }>;
}

export interface ReportCalls extends Calls<typeof contract, ReportSignatures> {}
export interface ReportSafeCalls extends SafeCalls<typeof contract, ReportSignatures> {}
export interface ReportSubmitCalls extends SubmitCalls<typeof contract, ReportSignatures> {}
export interface ReportHandlersGiven<Given> extends Handlers<typeof contract, ReportSignatures, Given> {}
export interface ReportImplementation<Dependencies = {}> extends Implementation<ReportSignatures, typeof contract, Dependencies> {}

export const reportContract: Contract = contractOf("report", declared, [
  "draw",
  "report",
]);
