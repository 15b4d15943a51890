// Generated from the contracts. Do not edit: change a contract and run `npm run gen`.
/* eslint-disable */
// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.
import type {
  Conformance,
  ParamInput,
  Proven,
  ResultOutput,
} from "taskpact/codegen";
import type * as mathContract from "../contracts/math.ts";
import type * as ordersContract from "../contracts/orders.ts";
import type * as textContract from "../contracts/text.ts";
import type * as timingContract from "../contracts/timing.ts";
import type { MathSignatures } from "./math.ts";
import type { OrdersSignatures } from "./orders.ts";
import type { TextSignatures } from "./text.ts";
import type { TimingSignatures } from "./timing.ts";

export type MathProof = [
  Proven<Conformance<typeof mathContract.addition, MathSignatures["addition"], (a?: ParamInput<typeof mathContract.addition, "a">, b?: ParamInput<typeof mathContract.addition, "b">) => Promise<ResultOutput<typeof mathContract.addition>>, "a" | "b">>,
  Proven<Conformance<typeof mathContract.division, MathSignatures["division"], (dividend: ParamInput<typeof mathContract.division, "dividend">, divisor: ParamInput<typeof mathContract.division, "divisor">) => Promise<ResultOutput<typeof mathContract.division>>>>,
  Proven<Conformance<typeof mathContract.subtraction, MathSignatures["subtraction"], (minuend: ParamInput<typeof mathContract.subtraction, "minuend">, subtrahend: ParamInput<typeof mathContract.subtraction, "subtrahend">) => Promise<ResultOutput<typeof mathContract.subtraction>>>>,
];

export type OrdersProof = [
  Proven<Conformance<typeof ordersContract.cancelOrder, OrdersSignatures["cancelOrder"], (id: ParamInput<typeof ordersContract.cancelOrder, "id">, reason?: ParamInput<typeof ordersContract.cancelOrder, "reason">) => Promise<ResultOutput<typeof ordersContract.cancelOrder>>, "reason">>,
  Proven<Conformance<typeof ordersContract.place, OrdersSignatures["place"], (order: ParamInput<typeof ordersContract.place, "order">) => Promise<ResultOutput<typeof ordersContract.place>>>>,
  Proven<Conformance<typeof ordersContract.quote, OrdersSignatures["quote"], (lines: ParamInput<typeof ordersContract.quote, "lines">, currency?: ParamInput<typeof ordersContract.quote, "currency">) => Promise<ResultOutput<typeof ordersContract.quote>>, "currency">>,
];

export type TextProof = [
  Proven<Conformance<typeof textContract.mergeRevisions, TextSignatures["mergeRevisions"], (ours: ParamInput<typeof textContract.mergeRevisions, "ours">, theirs: ParamInput<typeof textContract.mergeRevisions, "theirs">) => Promise<ResultOutput<typeof textContract.mergeRevisions>>>>,
  Proven<Conformance<typeof textContract.wordCount, TextSignatures["wordCount"], (text: ParamInput<typeof textContract.wordCount, "text">) => Promise<ResultOutput<typeof textContract.wordCount>>>>,
];

export type TimingProof = [
  Proven<Conformance<typeof timingContract.asynchronous, TimingSignatures["asynchronous"], (lagMs: ParamInput<typeof timingContract.asynchronous, "lagMs">) => Promise<ResultOutput<typeof timingContract.asynchronous>>>>,
];
