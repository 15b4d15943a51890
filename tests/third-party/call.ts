import {
  type CallState,
  type Header,
  isTerminal,
  newHeader,
  readHeader,
  waitingClient,
  withHeader,
} from "taskpact/broker";

/** A call on the shelf. */
export interface ShelvedCall {
  readonly id: string;
  record: Uint8Array;
  /** What its record's header says; of a record without one, or with a broken one, that of a first attempt. */
  header: Header;
  /** Where it stands; an open record's header may say something older. */
  state: CallState;
  /** The clients that are told of its end. */
  readonly clients: Set<string>;
  /** Its place among those that wait: the smallest is the first. */
  place: number;
  /** Epoch ms: when it is to wait (delayed, retrying), or to be forgotten (ended). */
  due: number;
  lease: { readonly fence: number; readonly worker: string; until: number } | undefined;
  /** Whether a worker died with it, and it has not come back from another since. */
  suspect: boolean;
  /** The task for whose worker it waits. */
  aside: string | undefined;
  /** Whether a claim has passed it by, as its limits were reached. */
  held: boolean;
  progress: Uint8Array | undefined;
  /** Who revoked it. */
  nonce: string | undefined;
}

/** A call as it is submitted. */
export function newCall(id: string, record: Uint8Array): ShelvedCall {
  const client = waitingClient(record);
  const header = headerOf(record);
  return {
    id,
    record,
    header,
    state: header.state,
    clients: new Set(client === undefined ? [] : [client]),
    place: 0,
    due: 0,
    lease: undefined,
    suspect: false,
    aside: undefined,
    held: false,
    progress: undefined,
    nonce: undefined,
  };
}

/** Any bytes may be submitted: what is no header is judged by the call's worker, not here. */
export function headerOf(record: Uint8Array): Header {
  try {
    return readHeader(record) ?? newHeader({});
  } catch {
    return newHeader({});
  }
}

/** Changes a call's header, and its record's if that can have one. */
export function patch(call: ShelvedCall, changes: Partial<Header>): void {
  call.header = { ...call.header, ...changes };
  try {
    call.record = withHeader(call.record, changes);
  } catch {
    // It stays as it is, for the worker that parks it.
  }
}

/** Its worker is done with it: it is no suspect any more. That it may have begun with one that died stays. */
export function clear(call: ShelvedCall): void {
  const begun = call.header.begun || call.suspect;
  call.suspect = false;
  patch(call, { begun, besideOthers: false, lostAmongOthers: false });
}

/** Whether its handler may have begun. */
export function hasStarted({ header, suspect }: ShelvedCall): boolean {
  return header.attempt > 0 || header.deaths > 0 || header.begun || suspect;
}

/** Whether its deadline has ended it: an awaited call's bounds all of it but the time that a worker has it, another's the wait for its start. */
export function isExpired(call: ShelvedCall, now: number): boolean {
  const { deadline, awaited } = call.header;
  if (deadline === 0 || now < deadline || call.lease !== undefined || isTerminal(call.state)) return false;
  return awaited || !hasStarted(call);
}
