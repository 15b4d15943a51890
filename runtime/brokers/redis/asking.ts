import { randomBytes } from "node:crypto";
import type { ClaimedCall, ClaimRequest, ServedQueue } from "../../broker.ts";
import { queueKeys } from "../../keys.ts";
import type { ToldLimits } from "../../limits.ts";
import type { Argument } from "./resp.ts";
import { claimScript } from "./scripts/claim.ts";
import { performance } from "../../real-time.ts";

function limitArgs({ task, maxConcurrency = 0, rate }: ToldLimits): readonly Argument[] {
  return [task, maxConcurrency, rate?.limit ?? 0, rate?.perMs ?? 0];
}

function suspectsArg({ suspect, mostSuspects = 1, besideSuspects = false }: ClaimRequest): string {
  if (!suspect) return "";
  return besideSuspects ? `+${mostSuspects}` : `${mostSuspects}`;
}

/** The list that a claim begins with: of 16 that were given calls, 12 with the high, 3 with the normal and 1 with the low one. */
const beginnings = Array.from({ length: 16 }, (_, turn) => {
  const place = (turn * 5) % 16;
  return place < 12 ? "queue:high" : place < 15 ? "queue" : "queue:low";
});

/** Tokens that are kept for a queue: what older ones were given, others have by then. */
const mostUnanswered = 16;

/** What the claims of a queue have in common. */
interface Asked {
  readonly key: string;
  readonly tasks: string;
  readonly limits: readonly Argument[];
}

/** Tokens of claims whose replies were lost, by worker and queue, the oldest first. */
class Unanswered {
  readonly #tokens = new Map<string, readonly string[]>();

  /** The oldest token, which is no longer kept. */
  take(worker: string, queue: string): string | undefined {
    if (this.#tokens.size === 0) return undefined;
    const [token, ...others] = this.#tokens.get(owner(worker, queue)) ?? [];
    this.#set(worker, queue, others);
    return token;
  }

  /** Keeps tokens, before those that are younger. */
  keep(worker: string, queue: string, ...lost: readonly (string | undefined)[]): void {
    const tokens = lost.filter((token) => token !== undefined);
    const kept = [...tokens, ...(this.#tokens.get(owner(worker, queue)) ?? [])];
    this.#set(worker, queue, kept.slice(-mostUnanswered));
  }

  /** All tokens of a worker, by queue, which are no longer kept. */
  takeAll(worker: string): readonly (readonly [queue: string, token: string])[] {
    const taken: (readonly [string, string])[] = [];
    for (const [key, tokens] of this.#tokens) {
      const [holder, queue] = JSON.parse(key) as [string, string];
      if (holder !== worker) continue;
      taken.push(...tokens.map((token) => [queue, token] as const));
      this.#tokens.delete(key);
    }
    return taken;
  }

  #set(worker: string, queue: string, tokens: readonly string[]): void {
    if (tokens.length > 0) this.#tokens.set(owner(worker, queue), tokens);
    else this.#tokens.delete(owner(worker, queue));
  }
}

/**
 * Counts a worker's claims of a queue. A count for several queues, which are asked in turn, or one that goes on with claims that
 * begin with no list, would let a queue have the same few of the sixteen again and again.
 */
class Turns {
  readonly #turns = new Map<string, number>();

  of(worker: string, queue: string): number {
    return this.#turns.get(`${worker} ${queue}`) ?? 0;
  }

  next(worker: string, queue: string): void {
    this.#turns.set(`${worker} ${queue}`, this.of(worker, queue) + 1);
  }
}

function owner(worker: string, queue: string): string {
  return JSON.stringify([worker, queue]);
}

/** One claim of one queue, on its way. */
export class Asking {
  readonly script = claimScript;
  readonly #asked: Asked;
  readonly #queue: string;
  readonly #request: ClaimRequest;
  readonly #limit: number;
  readonly #token: string;
  readonly #list: string;
  readonly #unanswered: Unanswered;
  readonly #turns: Turns;
  #before: string | undefined;
  #sent = false;
  /** When it was last sent, by `performance.now`. */
  sentAt = 0;

  constructor(
    asked: Asked,
    queue: string,
    request: ClaimRequest,
    limit: number,
    token: string,
    turns: Turns,
    unanswered: Unanswered,
  ) {
    this.#asked = asked;
    this.#queue = queue;
    this.#request = request;
    this.#limit = limit;
    this.#token = token;
    this.#turns = turns;
    this.#list = beginnings[turns.of(request.worker, queue) % beginnings.length]!;
    this.#unanswered = unanswered;
    this.#before = unanswered.take(request.worker, queue);
  }

  get key(): string {
    return this.#asked.key;
  }

  /** @param again - whether it was sent before. */
  args(again = false): readonly Argument[] {
    this.#sent = true;
    this.sentAt = performance.now();
    const { worker, leaseMs, maxRecordBytes = "", nestedOnly } = this.#request;
    const token = this.#token;
    if (again && this.#before !== token) {
      this.#unanswered.keep(worker, this.#queue, this.#before);
      this.#before = token;
    }
    const { tasks, limits } = this.#asked;
    const suspects = suspectsArg(this.#request);
    const all = [worker, this.#limit, leaseMs, suspects, this.#list, tasks, token, this.#before ?? ""];
    const rare = nestedOnly === true || maxRecordBytes !== "" || limits.length > 0;
    return rare ? [...all, nestedOnly === true ? "1" : "", maxRecordBytes, ...limits] : all;
  }

  /** Its reply has come. A claim that begins with no list, or was given nothing of one, is none of the sixteen. */
  answered(calls: readonly ClaimedCall[]): void {
    const { worker, nestedOnly } = this.#request;
    if (nestedOnly !== true && calls.some(({ suspect }) => !suspect)) this.#turns.next(worker, this.#queue);
  }

  /** Its worker asks no more, and its reply may never come. @returns what gives back all that it may have been given. */
  given(worker: string): readonly (readonly [queue: string, token: string])[] {
    if (worker !== this.#request.worker || !this.#sent) return [];
    const tokens = [this.#before, this.#token].filter((token) => token !== undefined);
    return [...new Set(tokens)].map((token) => [this.#queue, token]);
  }

  /** It has no reply: the next claim asks for what it was given, if it was sent. */
  unanswered(): void {
    const before = this.#before === this.#token ? undefined : this.#before;
    this.#unanswered.keep(this.#request.worker, this.#queue, before, this.#sent ? this.#token : undefined);
  }
}

/**
 * What claims ask. Each has a token: where its reply was lost, the next claim of that queue tells the token, and is given
 * the calls. They are not to wait until their lease lapses.
 */
export class Askings {
  readonly #namespace: string;
  /** Where tokens differ from those of other processes. */
  readonly #mark = randomBytes(4).toString("hex");
  readonly #unanswered = new Unanswered();
  readonly #known = new WeakMap<ServedQueue, Asked>();
  readonly #turns = new Turns();
  #count = 0;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** @param limit - how many calls at the most. */
  begin(queue: ServedQueue, request: ClaimRequest, limit: number): Asking {
    const token = `${this.#mark}${(this.#count++).toString(36)}`;
    return new Asking(this.#asked(queue), queue.name, request, limit, token, this.#turns, this.#unanswered);
  }

  /** What a worker may have been given without knowing it: it asks no more. */
  unanswered(worker: string): readonly (readonly [queue: string, token: string])[] {
    return this.#unanswered.takeAll(worker);
  }

  /** Gives back what a claim has leased whose reply was lost. */
  giveBack(worker: string, queue: string, token: string): { readonly key: string; readonly args: readonly Argument[] } {
    const args = [worker, 0, 1, "", "queue", " ", `${this.#mark}${(this.#count++).toString(36)}`, token];
    return { key: queueKeys(this.#namespace, queue).queue, args };
  }

  #asked(queue: ServedQueue): Asked {
    let known = this.#known.get(queue);
    if (known === undefined) {
      known = {
        key: queueKeys(this.#namespace, queue.name).queue,
        tasks: ` ${queue.tasks.join(" ")} `,
        limits: queue.limits?.flatMap(limitArgs) ?? [],
      };
      this.#known.set(queue, known);
    }
    return known;
  }
}
