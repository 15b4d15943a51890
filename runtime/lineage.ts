import type { Origin } from "./envelope.ts";

/** Under this, a handler's context shows what it is to the calls that its handler makes; of whichever copy of the package. */
export const lineage: unique symbol = Symbol.for("taskpact.lineage");

/** A running attempt, as its handler's calls know it. */
export interface Lineage {
  readonly callId: string;
  /** Where it comes from itself. */
  readonly origin: Origin | undefined;
  /** Something is awaited: its slot is lent until what is returned is called. */
  lend(waits: "nested" | "any"): () => void;
  /**
   * Calls back should the attempt end without a result: as it has failed, was canceled, or its time was up.
   *
   * @returns what undoes it.
   */
  onFailure(callback: () => void): () => void;
}

/** The attempt behind what was given as a parent; undefined for what only looks like a context. */
export function lineageOf(parent: object): Lineage | undefined {
  return (parent as { readonly [lineage]?: Lineage })[lineage];
}
