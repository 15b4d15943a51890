// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */
// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.
import type {
  Conformance,
  ParamInput,
  Proven,
  ResultOutput,
} from "taskpact/codegen";
import type * as readingsContract from "../contracts/readings.ts";
import type * as reportContract from "../contracts/report.ts";
import type { ReadingsSignatures } from "./readings.ts";
import type { ReportSignatures } from "./report.ts";

export type ReadingsProof = [
  Proven<Conformance<typeof readingsContract.cut, ReadingsSignatures["cut"], (file: ParamInput<typeof readingsContract.cut, "file">, chunkBytes: ParamInput<typeof readingsContract.cut, "chunkBytes">) => Promise<ResultOutput<typeof readingsContract.cut>>>>,
  Proven<Conformance<typeof readingsContract.sumUp, ReadingsSignatures["sumUp"], (file: ParamInput<typeof readingsContract.sumUp, "file">, from: ParamInput<typeof readingsContract.sumUp, "from">, to: ParamInput<typeof readingsContract.sumUp, "to">) => Promise<ResultOutput<typeof readingsContract.sumUp>>>>,
];

export type ReportProof = [
  Proven<Conformance<typeof reportContract.draw, ReportSignatures["draw"], (folder: ParamInput<typeof reportContract.draw, "folder">, months: ParamInput<typeof reportContract.draw, "months">) => Promise<ResultOutput<typeof reportContract.draw>>>>,
  Proven<Conformance<typeof reportContract.report, ReportSignatures["report"], (folder: ParamInput<typeof reportContract.report, "folder">, chunkBytes?: ParamInput<typeof reportContract.report, "chunkBytes">) => Promise<ResultOutput<typeof reportContract.report>>, "chunkBytes">>,
];
