/**
 * The door for authors of brokers: `taskpact/broker`. It has the port, what its records are read and patched with, and where a broker
 * makes itself known; docs/brokers.md says what each method must hold.
 */
export type {
  Beat,
  BeatReply,
  Broker,
  ClaimedBatch,
  ClaimedCall,
  ClaimRequest,
  FailedBeat,
  HeardEvent,
  Keeper,
  Keepers,
  KeeperSettings,
  Notice,
  Presence,
  PresenceInfo,
  ReadOptions,
  Report,
  ServedQueue,
  StoredCall,
  Submission,
  SubmissionCaller,
  SubmitBatch,
  Submitted,
  Unsubscribe,
  Verdict,
} from "./broker.ts";
export { registerBroker } from "./brokers/registered.ts";
export type { BrokerFactory, BrokerOpening } from "./brokers/registered.ts";
export { awaitedBareTtlMs, bareTtlMs, largestToldBytes, parkedTtlMs } from "./brokers/retention.ts";
export { decode, encode } from "./codec.ts";
export { bareRecord, namedTask, waitingClient } from "./envelope.ts";
export { withTimeLeft } from "./late-submission.ts";
export { TaskError } from "./errors.ts";
export type { AnyTaskError, TaskErrorCode, TaskErrorDetails } from "./errors.ts";
export {
  hasHeader,
  headerBytes,
  headerOffset,
  newHeader,
  noFingerprint,
  protocolVersion,
  readHeader,
  stateOf,
  underHeader,
  withHeader,
} from "./header.ts";
export type { Header, Rank } from "./header.ts";
export { clientChannel, eventsChannel, workerChannel } from "./keys.ts";
export { tableLayout } from "./lease-table.ts";
export type { LeaseTable } from "./lease-table.ts";
export type { ToldLimits } from "./limits.ts";
export type { LockAnswer, LockOwner, Locks, LockWish } from "./locks.ts";
export type { Logger } from "./log.ts";
export type {
  Census,
  InspectedCall,
  Operator,
  PageRequest,
  ParkedRecord,
  ParkedRecords,
  PausedParts,
  PurgedCalls,
  PurgeRequest,
  Replay,
  Replayed,
} from "./operator.ts";
export { isTerminal, states } from "./state.ts";
export type { CallState } from "./state.ts";
export type { DueSlot, Fired, Firing, Timetable, TimetableEntry } from "./timetable.ts";
