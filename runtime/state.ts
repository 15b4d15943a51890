/** Where a call stands. */
export type CallState =
  | "queued"
  | "delayed"
  | "running"
  | "retrying"
  | "succeeded"
  | "failed"
  | "canceled"
  | "expired"
  | "parked";

/** States in the order of their numbers on the wire: those from `succeeded` on are terminal. */
export const states: readonly CallState[] = [
  "queued",
  "delayed",
  "running",
  "retrying",
  "succeeded",
  "failed",
  "canceled",
  "expired",
  "parked",
];

const firstTerminal = states.indexOf("succeeded");

/** Whether a call in this state has ended. */
export function isTerminal(state: CallState): boolean {
  return states.indexOf(state) >= firstTerminal;
}
