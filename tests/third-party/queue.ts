import {
  awaitedBareTtlMs,
  bareRecord,
  bareTtlMs,
  type CallState,
  clientChannel,
  type Header,
  isTerminal,
  largestToldBytes,
  type Notice,
  type PresenceInfo,
} from "taskpact/broker";
import { isExpired, type ShelvedCall } from "./call.ts";

/** What a queue needs of the shelf around it. */
export interface Surroundings {
  tell(channel: string, notice: Notice): void;
  /** There may be something to claim. */
  ring(): void;
}

/** How often what is over is looked for, ms. */
const sweepMs = 1_000;

/** The calls of a queue, all in one map: what waits is looked for, and not kept in order. */
export class ShelfQueue {
  readonly name: string;
  readonly calls = new Map<string, ShelvedCall>();
  readonly workers = new Map<string, { tasks: readonly string[]; info: PresenceInfo | undefined; until: number }>();
  /** Workers that died with a suspect, and until when the others that they held are not charged. */
  readonly excused = new Map<string, { readonly until: number; readonly several: boolean }>();
  /** When calls under a limit of rate have started, by its task and key. */
  readonly starts = new Map<string, readonly number[]>();
  fence = 0;
  /** Counts each worker's claims that gave something, for the weights of the priorities. */
  readonly turns = new Map<string, number>();
  readonly #surroundings: Surroundings;
  #head = 0;
  #tail = 0;
  #sweptAt = 0;

  constructor(name: string, surroundings: Surroundings) {
    this.name = name;
    this.#surroundings = surroundings;
  }

  /** The call of an id as it stands now. */
  find(id: string, now: number): ShelvedCall | undefined {
    const call = this.calls.get(id);
    if (call === undefined) return undefined;
    if (isTerminal(call.state) && call.due <= now) {
      this.calls.delete(id);
      return undefined;
    }
    if (isExpired(call, now)) this.end(call, "expired", now);
    return call;
  }

  /** Lets a call wait for a worker. */
  enqueue(call: ShelvedCall, place: "head" | "tail" | "same" = isHeadmost(call) ? "head" : "tail"): void {
    call.state = "queued";
    if (place === "head") call.place = --this.#head;
    else if (place === "tail") call.place = ++this.#tail;
    this.#surroundings.ring();
  }

  /** Holds a call back. */
  delay(call: ShelvedCall, state: "delayed" | "retrying", due: number): void {
    call.state = state;
    call.due = due;
    this.#surroundings.ring();
  }

  /** Lets those wait that are due. */
  promote(now: number): void {
    const due = [...this.calls.values()].filter(({ state, due }) => isHeldBack(state) && due <= now);
    for (const call of due.toSorted((one, other) => one.due - other.due)) this.enqueue(call);
  }

  /** Ends a call, with a worker's reply or none, and tells whoever waits for it. */
  end(
    call: ShelvedCall,
    state: CallState,
    now: number,
    reply?: { record: Uint8Array; header: Header; ttlMs: number },
  ): void {
    const { fingerprint, deadline, awaited } = call.header;
    call.lease = undefined;
    call.state = state;
    call.progress = undefined;
    call.header = { ...call.header, ...reply?.header, state, fingerprint, deadline };
    call.record = reply?.record ?? bareRecord(call.header);
    // Not before its deadline, until when its submit may come again: it would run once more.
    call.due = Math.max(now + (reply?.ttlMs ?? (awaited ? awaitedBareTtlMs : bareTtlMs)), deadline);
    const record = call.record.length > largestToldBytes ? undefined : call.record;
    this.tellClients(call, { kind: "ended", id: call.id, record });
    call.clients.clear();
    // Another call may be next under its limits.
    this.#surroundings.ring();
  }

  /** Ends what is past its deadline, whether anybody looks at it or not. */
  endLate(now: number): void {
    for (const call of this.calls.values()) if (isExpired(call, now)) this.end(call, "expired", now);
  }

  tellClients(call: ShelvedCall, notice: Notice): void {
    for (const client of call.clients) this.tell(clientChannel(client), notice);
  }

  tell(channel: string, notice: Notice): void {
    this.#surroundings.tell(channel, notice);
  }

  /** Forgets what is over, now and then. */
  sweep(now: number): void {
    if (now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    for (const [id, { state, due }] of this.calls) if (isTerminal(state) && due <= now) this.calls.delete(id);
  }
}

/** Whether it waits for its time. */
export function isHeldBack(state: CallState): boolean {
  return state === "delayed" || state === "retrying";
}

function isHeadmost({ header, suspect }: ShelvedCall): boolean {
  return header.priority === "nested" && !suspect;
}
