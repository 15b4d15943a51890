/** The door for people: `taskpact`. Generated code has its own, `taskpact/codegen`. */
export type { Broker } from "./broker.ts";
export { registerBroker } from "./brokers/registered.ts";
export type { BrokerFactory, BrokerOpening } from "./brokers/registered.ts";
export type { Client, ClientOptions } from "./client.ts";
export type { Context, Failure, LockOptions } from "./context.ts";
export type { PoolOptions } from "./cpu/pool-options.ts";
export { task } from "./contract.ts";
export type { Backoff, Retry } from "./backoff.ts";
export type { Policy, Priority, Task, TaskDefinition, TaskOptions } from "./contract.ts";
export { TaskError } from "./errors.ts";
export type { AnyTaskError, TaskErrorCode, TaskErrorDetails, TaskIssue } from "./errors.ts";
export type { CallStatus, Handle, ProgressReading } from "./handle.ts";
export type {
  AttemptEvent,
  HandedOn,
  Hook,
  HookContext,
  HookEnd,
  Next,
  Place,
  ReplyEvent,
  SubmitEvent,
  SubmitNext,
} from "./hook.ts";
export type { Trace } from "./trace.ts";
export type {
  CallEvent,
  CallEvents,
  EventFilter,
  EventKind,
  EventOf,
  Events,
  GapEvent,
  Listening,
  WorkerEvent,
} from "./events.ts";
export type { Implementation } from "./implementation.ts";
export type { Open, Opening } from "./dependencies.ts";
export type { LimitKey, Limits, RateLimit } from "./limits.ts";
export { describeError } from "./describe-error.ts";
export type { DescribeError, ErrorDescription } from "./describe-error.ts";
export { streamLogger } from "./log.ts";
export type { LogFormat, Logger, LogLevel } from "./log.ts";
export type { AttemptError } from "./kept-record.ts";
export type { KeptCall, Parked, ParkedCall, ParkedPage, ParkedQuery, ReplayOptions } from "./parked.ts";
export type { Pausable, Paused, Pauses } from "./pauses.ts";
export type { OwnerConflict } from "./owners.ts";
export type {
  JsonSchema,
  Overview,
  Purged,
  PurgedState,
  PurgeOptions,
  QueueControl,
  QueueInfo,
  Rates,
  TaskDescription,
  WorkerInfo,
} from "./overview.ts";
export type { CallOptions, ProgressOptions, SubmitOptions, WaitOptions, WhereOptions } from "./options.ts";
export type { Reporting, SubmitOnly } from "./signature.ts";
export type { CatchUp, Overlap, Schedule } from "./schedule.ts";
export type { ScheduledTask, Schedules } from "./schedules.ts";
export type { Answer, CallError } from "./answer.ts";
export type { CallState } from "./state.ts";
export { createWorker } from "./lazy-worker.ts";
export type { Worker } from "./lazy-worker.ts";
export type { WorkerHealth } from "./health.ts";
export type { WorkerOptions } from "./worker-options.ts";
export type { UnreadableCounts } from "./unreadable.ts";
