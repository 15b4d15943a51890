import type { Rank } from "../../runtime/header.ts";
import type { CallState } from "../../runtime/state.ts";

/** What a submission says. */
export interface ModelSubmission {
  readonly id: string;
  /** Which submission it is: told apart by what is in its record. */
  readonly number: number;
  readonly fingerprint: string;
  readonly delayMs: number;
  /** A duration; 0 for none. */
  readonly deadlineMs: number;
  readonly awaited: boolean;
  readonly priority: Rank;
  readonly atMostOnce: boolean;
  /** 0 for as those say who reap. */
  readonly maxDeliveries: number;
}

/** A call as the model knows it. */
export interface ModelCall {
  readonly id: string;
  readonly number: number;
  readonly fingerprint: string;
  readonly awaited: boolean;
  readonly priority: Rank;
  readonly atMostOnce: boolean;
  readonly maxDeliveries: number;
  /** By the model's clock; Infinity for none. */
  readonly deadline: number;
  /** How often it was replayed. */
  readonly generation: number;
  /** Whether its worker parked it. */
  parkedByWord: boolean;
  state: CallState;
  /** When it is to be queued, if it is delayed or retrying. */
  due: number;
  /** Among calls of one list, the lower are claimed first; those of one place in any order. */
  place: number;
  /** The list that it was put aside in. */
  aside: string | undefined;
  attempt: number;
  deaths: number;
  suspect: boolean;
  /** Whether its handler may have begun, uncounted. */
  begun: boolean;
  /** Whether it may run beside other suspects. */
  beside: boolean;
  /** Whether a worker has died that ran it beside other suspects, uncounted. */
  lost: boolean;
  progress: number | undefined;
  revokedBy: string | undefined;
  lease: ModelLease | undefined;
  /** When a claim or a late report may have found it late: then it has expired already, else it does at the next look. */
  metAt: number | undefined;
  /** When it is forgotten: not before the first, not after the second. */
  forgotten: readonly [earliest: number, latest: number];
}

/** The right to an attempt. */
export interface ModelLease {
  readonly fence: number;
  readonly worker: string;
  due: number;
}

/** What a worker says of an attempt. */
export type ModelReport =
  | { readonly kind: "finish"; readonly failed: boolean; readonly ttlMs: number }
  | { readonly kind: "retry"; readonly delayMs: number }
  | { readonly kind: "release"; readonly begun: boolean }
  | { readonly kind: "aside"; readonly task: string }
  | { readonly kind: "park"; readonly ttlMs: number }
  | { readonly kind: "progress"; readonly value: number };

/** From where a claim took a call. */
export type Origin = "suspects" | `${Rank} aside ${string}` | Rank | "haunted";

/** An hour. */
export const hourMs = 3_600_000;

/** Not before its deadline, until when it may be submitted again. */
export function forgottenAt(call: ModelCall, endedAt: number, ttlMs = bareTtl(call)): number {
  return Math.max(endedAt + ttlMs, call.deadline === Infinity ? 0 : call.deadline);
}

/** How long it is kept that a call ended without a worker's word. */
export function bareTtl({ awaited }: ModelCall): number {
  return awaited ? 60_000 : hourMs;
}

/** Whether a look at it finds that its deadline has ended it. */
export function isLate(call: ModelCall, now: number): boolean {
  if (isTerminal(call.state) || call.lease !== undefined || now < call.deadline) return false;
  return call.awaited || !hasStarted(call);
}

/** Whether its handler may have begun. */
export function hasStarted({ attempt, deaths, suspect, begun }: ModelCall): boolean {
  return attempt > 0 || deaths > 0 || suspect || begun;
}

/** Whether a suspect is to run without others beside it. */
export function runsAlone({ suspect, beside, deaths }: ModelCall): boolean {
  return suspect && (!beside || deaths > 1);
}

/** Whether a call in this state has ended: the model's own word for it. */
export function isTerminal(state: CallState): boolean {
  return ["succeeded", "failed", "canceled", "expired", "parked"].includes(state);
}
