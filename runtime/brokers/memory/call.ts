import type { StoredCall } from "../../broker.ts";
import { type Header, type Rank, mayHaveBegun, newHeader, readHeader, withHeader } from "../../header.ts";
import { type CallState, isTerminal } from "../../state.ts";
import type { Deque } from "./deque.ts";
import type { Due, DueHeap } from "./due-heap.ts";

/**
 * A call, waiting, leased or ended. `due` is when it is to be queued (delayed, retrying) or forgotten (ended), or its place
 * in its lane's line.
 */
export interface Call extends Due {
  readonly id: string;
  record: Uint8Array;
  /** What its record's header says; for a record of the plain level, that of a first attempt. */
  header: Header;
  /** Where it stands: what the header of an open record says of it may be old. */
  state: CallState;
  /** The client that its request names. */
  readonly to: string | undefined;
  /** Other clients to be told of its end. */
  waiters: Set<string> | undefined;
  /** While a worker has it. */
  lease: Lease | undefined;
  /** The list it waits in. */
  list: WaitingList | undefined;
  /** The lane in whose line it waits. */
  lane: Lane | undefined;
  /** When it ends while it stands in no list by priority: put aside, or in a line. */
  bound: Bound | undefined;
  /** Whether a worker died with it, and it has not come back from another since. */
  suspect: boolean;
  progress: Uint8Array | undefined;
  /** The errors of its last attempts, encoded. */
  failures: readonly Uint8Array[];
  /** Who revoked it. */
  nonce: string | undefined;
  /** When it was parked, epoch ms. */
  parkedAt: number | undefined;
}

/** A call's deadline. */
export interface Bound extends Due {
  readonly call: Call;
}

/** The calls of one claim. `due` is when its lease ends. */
export interface Lease extends Due {
  readonly fence: number;
  readonly worker: string;
  readonly calls: Set<Call>;
}

/** The calls of one limited task whose keys are the same: see lanes.ts. */
export interface Lane {
  /** The names of its gates. */
  readonly slots: string;
  readonly starts: string;
  /** Calls that wait, by their places: nested ones before all suspects, and those before all others. */
  readonly nested: DueHeap<Call>;
  readonly suspects: DueHeap<Call>;
  readonly others: DueHeap<Call>;
  /** The name of the gate that it waits at; undefined while its first call is on its way to be judged. */
  waitsAt: string | undefined;
}

/** A list of waiting calls. One that ended meanwhile stays as a ghost until a claim comes by, or ghosts are many. */
export interface WaitingList {
  readonly calls: Deque<Call>;
  ghosts: number;
  /** The task for which its calls are put aside. */
  readonly aside: string | undefined;
}

/** The lists of calls that wait for the same, by priority. */
export type WaitingLists = Readonly<Record<Rank, WaitingList>>;

/** A call in no list, heap or lease yet. */
export function newCall(id: string, record: Uint8Array, header: Header, to: string | undefined): Call {
  return {
    id,
    record,
    header,
    state: header.state,
    to,
    waiters: undefined,
    lease: undefined,
    list: undefined,
    lane: undefined,
    bound: undefined,
    suspect: false,
    progress: undefined,
    failures: [],
    nonce: undefined,
    parkedAt: undefined,
    due: 0,
    slot: -1,
  };
}

/** What a record's header says. One without, or with one that is malformed, counts as a first attempt: its worker parks it. */
export function headerOf(record: Uint8Array): Header {
  try {
    return readHeader(record) ?? newHeader({});
  } catch {
    return newHeader({});
  }
}

/** A worker is done with a call: it is no suspect any more. That its handler may have begun with one that died is not forgotten. */
export function clear(call: Call): void {
  const begun = call.header.begun || call.suspect;
  call.suspect = false;
  patch(call, { begun, besideOthers: false, lostAmongOthers: false });
}

/** Changes a call's header, in its record too, unless that is no map: of such a call, only we know. */
export function patch(call: Call, changes: Partial<Header>): void {
  call.header = { ...call.header, ...changes };
  try {
    call.record = withHeader(call.record, changes);
  } catch {
    // A malformed header stays as it is, for the worker that parks it.
  }
}

/** The errors of attempts that are kept with a call. */
const keptFailures = 10;

/** Keeps an attempt's error, encoded, for whoever looks at the call while it is open or parked. */
export function addFailure(call: Call, failure: Uint8Array): void {
  call.failures = [...call.failures, failure].slice(-keptFailures);
}

/** Whether its handler may have begun. */
export function hasStarted({ header, suspect }: Call): boolean {
  return mayHaveBegun(header, suspect);
}

/**
 * Whether its deadline has ended it. An awaited call's bounds all of it, but not while a worker has it, who is judged
 * when it returns or dies; any other's bounds the wait for its start.
 */
export function isExpired(call: Call, now: number): boolean {
  const { deadline, awaited } = call.header;
  if (deadline === 0 || now < deadline || call.lease !== undefined || isTerminal(call.state)) return false;
  return awaited || !hasStarted(call);
}

/** A call as its readers see it. */
export function stored(call: Call): StoredCall {
  return { state: call.state, record: call.record, progress: call.progress };
}
