// Generated from contracts/math.ts. Do not edit: change the contract and run `npm run gen`.
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
import type * as contract from "../contracts/math.ts";
import * as declared from "../contracts/math.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/math.ts. */
export interface MathSignatures {
  /** Adds two numbers. */
  addition: Signature<(a?: number, b?: number) => Promise<number>, { a: number; b: number }>;
  /** Divides one number by another. */
  division: Signature<(dividend: number, divisor: number) => Promise<number>, { dividend: number; divisor: number }, { divisionByZero: { dividend: number } }>;
  /** Subtracts the second number from the first. */
  subtraction: Signature<(minuend: number, subtrahend: number) => Promise<number>, { minuend: number; subtrahend: number }>;
}

export interface MathCalls extends Calls<typeof contract, MathSignatures> {}
export interface MathSafeCalls extends SafeCalls<typeof contract, MathSignatures> {}
export interface MathSubmitCalls extends SubmitCalls<typeof contract, MathSignatures> {}
export interface MathHandlersGiven<Given> extends Handlers<typeof contract, MathSignatures, Given> {}
export interface MathImplementation<Dependencies = {}> extends Implementation<MathSignatures, typeof contract, Dependencies> {}

export const mathContract: Contract = contractOf("math", declared, [
  "addition",
  "division",
  "subtraction",
]);
