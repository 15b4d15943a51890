import type { Retry } from "./backoff.ts";
import { checkDuration, checkRetry, shown } from "./checks.ts";
import { decode, decodeEntries, encode, encodedBytes } from "./codec.ts";
import { cutIssues, cutText } from "./cut-text.ts";
import { checkTexts, type Metadata } from "./metadata.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode, type TaskIssue, taskErrorCodes } from "./errors.ts";
import {
  atMostOnceVersion,
  bufferOf,
  emptyHeader,
  fillPrefix,
  hasHeader,
  type Header,
  headerBytes,
  headerOffset,
  isSmallMap,
  prefixBytes,
  readHeader,
  stateOf,
  underHeader,
} from "./header.ts";
import { isTerminal, states } from "./state.ts";
import { isTaskName } from "./task-name.ts";
import type { Trace } from "./trace.ts";
import { wellFormed } from "./well-formed.ts";

/*
 * The shape of a call on the wire. A record is a MessagePack map of at most 15 entries, the first of which is
 * `h`: a binary header of fixed size at a fixed place, which Redis scripts read and patch without unpacking
 * the rest. The second is `to`, the client that waits, if one does. A record without a header belongs to the plain
 * level of the protocol: a request of a first attempt without limits, or a reply.
 */

/** A record that is a header alone: a call that ended without a worker's word. */
export function bareRecord(header: Header): Buffer {
  return compose(header, {});
}

/** Where a call comes from, and what it hands on to the calls that its handler makes. What there is none of is left out. */
export interface Origin {
  /** The id of the call whose handler made it. */
  readonly parent?: string | undefined;
  /** The id of the call with which it all began, where that is not the parent. */
  readonly root?: string | undefined;
  readonly metadata?: Metadata | undefined;
  /** The trace that it belongs to. */
  readonly trace?: Trace | undefined;
}

/** What a caller asks. */
export interface Request extends Origin {
  /** The client that waits for the answer. */
  readonly to?: string | undefined;
  /** The task's name on the wire. */
  readonly task: string;
  readonly params: unknown;
  /** What the call overrides of its contract. */
  readonly options?: RequestOptions | undefined;
  /** Whose task it is: the name of a package, two letters on the wire as each call says it. */
  readonly of?: string | undefined;
}

/** What a call may override of its contract, and a worker must know. */
export interface RequestOptions {
  readonly attemptTimeoutMs?: number | undefined;
  readonly retry?: Retry | undefined;
  readonly resultTtlMs?: number | undefined;
}

/** What a worker answers. */
export type Reply = { readonly value: unknown } | { readonly error: WireError };

/** An error as it travels: everything as data and text. */
export interface WireError {
  readonly code: TaskErrorCode;
  readonly message: string;
  /** The declared error's name. */
  readonly name?: string | undefined;
  readonly data?: unknown;
  readonly attempt?: number | undefined;
  readonly issues?: readonly TaskIssue[] | undefined;
  readonly stack?: string | undefined;
  /** Of an attempt that was repeated: the worker that had it. */
  readonly worker?: string | undefined;
}

function compose(header: Header, body: object): Buffer {
  const record = encode(body, prefixBytes - 1);
  if (!isSmallMap(record, prefixBytes - 1)) throw new TaskError("internal", "a record has more than 14 entries");
  fillPrefix(record, header);
  return record;
}

/** A call's record before it has ended. */
export function writeRequest(header: Header, request: Request): Buffer {
  return compose(header, requestBody(request));
}

/** How many bytes a request's record would have. @throws TaskError `invalid_argument` for what can't be carried. */
export function requestBytes(request: Request): number {
  return prefixBytes - 1 + encodedBytes(requestBody(request));
}

/** The same of a reply's. */
export function replyBytes(reply: Reply): number {
  return prefixBytes - 1 + encodedBytes(reply);
}

function requestBody(request: Request): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  if (request.to !== undefined) body["to"] = request.to;
  body["task"] = request.task;
  body["params"] = request.params;
  if (request.options !== undefined) body["options"] = request.options;
  if (request.of !== undefined) body["of"] = request.of;
  if (request.parent !== undefined) body["parent"] = request.parent;
  if (request.root !== undefined) body["root"] = request.root;
  if (request.metadata !== undefined) body["metadata"] = request.metadata;
  if (request.trace !== undefined) body["trace"] = request.trace;
  return body;
}

/** @throws TaskError `invalid_argument` for bytes that are no request. */
export function readRequest(record: Uint8Array): Request {
  const body = readMap(record);
  checkTask(body["task"]);
  checkRequestOptions(body["options"]);
  checkOrigin(body);
  if (body["of"] !== undefined && typeof body["of"] !== "string")
    throw new TaskError("invalid_argument", "a record's owner is no name");
  return body as unknown as Request;
}

/** The request that a record holds, of a call that is open or was kept with its request; undefined if it can't be read. */
export function requestIn(record: Uint8Array): Request | undefined {
  try {
    const state = stateOf(record);
    const request = state === undefined || !isTerminal(state) ? record : keptRequest(record);
    return request && readRequest(request);
  } catch {
    return undefined;
  }
}

function checkTask(task: unknown): void {
  if (typeof task !== "string") throw new TaskError("invalid_argument", "a record names no task");
  if (knownNames.has(task)) return;
  if (!isTaskName(task)) throw new TaskError("invalid_argument", `a record names no task: ${shown(task)} can't be one`);
  // Most records name the same few.
  if (knownNames.size < mostKnownNames) knownNames.add(task);
}

const knownNames = new Set<string>();
const mostKnownNames = 1_000;

function checkOrigin({ parent, root, metadata, trace }: Record<string, unknown>): void {
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `a record's ${reason}`);
  };
  if (parent !== undefined && typeof parent !== "string") refuse("parent is no id");
  if (root !== undefined && typeof root !== "string") refuse("root is no id");
  checkTexts("metadata", metadata, refuse);
  checkTexts("trace", trace, refuse);
}

/** Whoever wrote it may have written anything. */
function checkRequestOptions(options: unknown): void {
  if (options === undefined) return;
  const refuse = (reason: string): never => {
    throw new TaskError("invalid_argument", `a record's options: ${reason}`);
  };
  if (typeof options !== "object" || options === null || Array.isArray(options)) refuse("they are no map");
  const { attemptTimeoutMs, resultTtlMs, retry } = options as RequestOptions;
  checkDuration("attemptTimeoutMs", attemptTimeoutMs, refuse);
  checkDuration("resultTtlMs", resultTtlMs, refuse);
  checkRetry(retry, refuse);
}

/** A call's record after it has ended; with its request if that is to be kept. */
export function writeReply(header: Header, reply: Reply, request?: Uint8Array): Buffer {
  return compose(header, request === undefined ? reply : { ...reply, request });
}

/** What a record that has ended says, whoever wrote it; undefined for one that has not. */
export function readReply(record: Uint8Array): Reply | undefined {
  const state = stateOf(record);
  if (state !== undefined && !isTerminal(state)) return undefined;
  if (state === "parked" && isParkedRequest(record)) return withoutWord(record);
  const body = readMap(record);
  const { error } = body;
  if (isObject(error) && "code" in error && "message" in error) return { error: wireErrorOf(error) };
  if ("value" in body) return { value: body["value"] };
  return state === undefined ? undefined : withoutWord(record);
}

/**
 * Whether a record that has ended is its request still: so is that of a call whose workers died, which is only marked as
 * parked. A reply has its error directly behind the header.
 */
export function isParkedRequest(record: Uint8Array): boolean {
  if (!hasHeader(record) || states[record[headerOffset + 1]!] !== "parked" || record[0] === 0x81) return false;
  const at = headerOffset + headerBytes;
  return bufferOf(record).toString("latin1", at, at + 6) !== "\xa5error";
}

/**
 * The request of a call that has ended, if its record still holds it: it was parked, or its request was to be kept.
 *
 * @throws TaskError `invalid_argument` for bytes that are no record.
 */
export function keptRequest(record: Uint8Array): Uint8Array | undefined {
  if (isParkedRequest(record)) return record;
  const { request } = readMap(record);
  return request instanceof Uint8Array ? request : undefined;
}

/**
 * A request as it is to be run again, in the generation after that of the record that it was kept in: without what
 * befell the call until then, and without its deadline. Undefined for a request that is no record.
 */
export function nextGeneration(request: Uint8Array, ended: Header): Buffer | undefined {
  const { atMostOnce, maxDeliveries } = deliveryIn(request);
  return underHeader(request, {
    ...ended,
    version: atMostOnce ? atMostOnceVersion : ended.version,
    state: "queued",
    // Whoever waited for it does so no longer.
    priority: ended.priority === "nested" ? "normal" : ended.priority,
    deaths: 0,
    awaited: false,
    attempt: 0,
    generation: (ended.generation + 1) % 65_536,
    fence: 0,
    begun: false,
    atMostOnce,
    maxDeliveries,
    besideOthers: false,
    lostAmongOthers: false,
    deadline: 0,
  });
}

/** What a request says of its delivery: in the header of its reply, a fence stands in the place of that. */
function deliveryIn(request: Uint8Array): Pick<Header, "atMostOnce" | "maxDeliveries"> {
  try {
    return readHeader(request) ?? emptyHeader;
  } catch {
    return emptyHeader;
  }
}

/** The client that a request's record names, read without unpacking the rest. */
export function waitingClient(record: Uint8Array): string | undefined {
  const at = hasHeader(record) ? headerOffset + headerBytes : 1;
  if (record[at] !== 0xa2 || record[at + 1] !== 0x74 || record[at + 2] !== 0x6f) return undefined;
  const length = (record[at + 3] ?? 0) - 0xa0;
  // Names of clients are short and plain; anything else is not one of ours.
  if (length < 1 || length > 31 || record.length < at + 4 + length) return undefined;
  return bufferOf(record).toString("latin1", at + 4, at + 4 + length);
}

/**
 * The task that a request's record names, read without unpacking the rest; undefined where it does not stand directly
 * behind the header and the client, as ours does.
 */
export function namedTask(record: Uint8Array): string | undefined {
  const first = hasHeader(record) ? headerOffset + headerBytes : 1;
  const client = waitingClient(record);
  const at = client === undefined ? first : first + 4 + client.length;
  const source = bufferOf(record);
  if (source.toString("latin1", at, at + 5) !== "\xa4task") return undefined;
  const head = source[at + 5] ?? 0;
  const [begin, length] = head === 0xd9 ? [at + 7, source[at + 6] ?? 0] : [at + 6, head - 0xa0];
  if (length < 1 || (head !== 0xd9 && length > 31) || source.length < begin + length) return undefined;
  return source.toString("utf8", begin, begin + length);
}

function readMap(record: Uint8Array): Record<string, unknown> {
  let body: unknown;
  try {
    // The header's bytes are read where they stand, by who needs them.
    if (hasHeader(record)) return decodeEntries(record, prefixBytes, (record[0]! & 0x0f) - 1);
    body = decode(record);
  } catch (cause) {
    const { reason } = TaskError.from(cause, "internal");
    throw new TaskError("invalid_argument", `a record is no MessagePack that can be read: ${reason}`, { cause });
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new TaskError("invalid_argument", "a record is no map");
  }
  return body as Record<string, unknown>;
}

/** An error as far as it can be read: its writer may have written anything. */
export function wireErrorOf(value: unknown): WireError {
  const told: Partial<Record<keyof WireError, unknown>> = isObject(value) ? value : {};
  const { code, message, name, data, attempt, issues, stack, worker } = told;
  return {
    // A code of a newer version reads as `internal`.
    code: taskErrorCodes.find((known) => known === code) ?? "internal",
    message: textIn(message) ?? "its error can't be read",
    name: textIn(name),
    data,
    attempt: Number.isInteger(attempt) ? (attempt as number) : undefined,
    issues: Array.isArray(issues) ? issues.filter(isIssue) : undefined,
    stack: textIn(stack),
    worker: textIn(worker),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function textIn(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isIssue(value: unknown): value is TaskIssue {
  if (!isObject(value)) return false;
  const { path, message } = value as Partial<Record<keyof TaskIssue, unknown>>;
  return (
    typeof message === "string" &&
    Array.isArray(path) &&
    path.every((part) => typeof part === "string" || typeof part === "number")
  );
}

/** What is told of a call that ended without a worker's word. */
function withoutWord(record: Uint8Array): Reply | undefined {
  const header = readHeader(record);
  return header && { error: errorOfState(header) };
}

function errorOfState(header: Header): WireError {
  switch (header.state) {
    case "canceled":
      return { code: "canceled", message: "the call was canceled" };
    case "expired":
      return { code: "deadline_exceeded", message: "the call waited past its deadline" };
    case "parked":
      return { code: "worker_lost", message: lossOf(header) };
    default:
      return { code: "internal", message: `the call ended as ${header.state} without an answer` };
  }
}

function lossOf({ deaths, atMostOnce }: Header): string {
  if (atMostOnce) return "its worker died; it is delivered at most once, and not run again";
  return `${deaths} workers died with the call; it is parked`;
}

/**
 * An error for the wire: all of it can be carried, but for a declared one's data, which are the contract's. Its texts are cut, so
 * that no limit of replies ever keeps a caller from knowing what was wrong.
 */
export function toWire(error: AnyTaskError): WireError {
  const { code, reason, attempt, issues, remoteStack } = error;
  return {
    code,
    message: wellFormed(cutText(reason)),
    ...(code === "declared" && { name: error.name, data: error.data }),
    ...(attempt !== undefined && { attempt }),
    ...(issues.length > 0 && { issues: cutIssues(issues).map(wireIssue) }),
    // Redacted before it is cut: of half a URL it does not show where its password ends.
    ...(code === "failed" && { stack: remoteStack && wellFormed(cutText(remoteStack)) }),
  };
}

function wireIssue({ path, message }: TaskIssue): TaskIssue {
  return {
    path: path.map((key) => (typeof key === "number" ? key : wellFormed(key))),
    message: wellFormed(message),
  };
}

/**
 * An error from the wire; a code of a newer version reads as `internal`.
 *
 * @param stack - whether it is to have the stack of what its handler threw: operators see it, callers don't. @default false
 */
export function fromWire(error: WireError, task: string | undefined, callId: string, stack = false): AnyTaskError {
  const code = taskErrorCodes.includes(error.code) ? error.code : "internal";
  return new TaskError<string, unknown>(code, error.message, {
    name: code === "declared" ? error.name : undefined,
    data: error.data,
    task,
    callId,
    attempt: error.attempt,
    issues: error.issues,
    remoteStack: stack ? error.stack : undefined,
  });
}

/** What is said of a request that is too large to be read. */
export function tooLarge(bytes: number, most: number): string {
  return `its request takes ${bytes} bytes, more than the ${most} that its worker reads (maxParamsBytes)`;
}
