/** The door for people: `taskpact`. Generated code has its own, `taskpact/codegen`. */
export type { Broker } from "./broker.ts";
export type { Client, ClientOptions } from "./client.ts";
export type { Context, Failure } from "./context.ts";
export { task } from "./contract.ts";
export type { Backoff, Retry } from "./backoff.ts";
export type { Policy, Priority, Task, TaskDefinition, TaskOptions } from "./contract.ts";
export { TaskError } from "./errors.ts";
export type { AnyTaskError, TaskErrorCode, TaskErrorDetails, TaskIssue } from "./errors.ts";
export type { CallStatus, Handle } from "./handle.ts";
export type { Implementation } from "./implementation.ts";
export { streamLogger } from "./log.ts";
export type { Logger, LogLevel } from "./log.ts";
export type { CallOptions, SubmitOptions, WaitOptions } from "./options.ts";
export type { Answer, CallError } from "./answer.ts";
export type { CallState } from "./state.ts";
export { createWorker } from "./worker.ts";
export type { Worker, WorkerOptions } from "./worker.ts";
