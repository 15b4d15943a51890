// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */
// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.
import type {
  Conformance,
  ParamInput,
  Proven,
  ResultOutput,
} from "taskpact/codegen";
import type * as nightlyContract from "../contracts/nightly.ts";
import type { NightlySignatures } from "./nightly.ts";

export type NightlyProof = [
  Proven<Conformance<typeof nightlyContract.closeDay, NightlySignatures["closeDay"], (shop: ParamInput<typeof nightlyContract.closeDay, "shop">) => Promise<ResultOutput<typeof nightlyContract.closeDay>>>>,
  Proven<Conformance<typeof nightlyContract.forgetSessions, NightlySignatures["forgetSessions"], () => Promise<ResultOutput<typeof nightlyContract.forgetSessions>>>>,
];
