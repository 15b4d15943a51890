import type { ClaimedBatch, ClaimRequest, ServedQueue } from "../../broker.ts";
import { TaskError } from "../../errors.ts";
import { type QueueKeys, queueKeys } from "../../keys.ts";
import { type Asking, Askings } from "./asking.ts";
import { Bells, type Fused, type Wait } from "./bells.ts";
import type { Connection } from "./connection.ts";
import { unavailable } from "./failure.ts";
import { unpackedCalls } from "./packed.ts";
import { type Left, QueueViews } from "./queue-views.ts";
import { claimScript } from "./scripts/claim.ts";
import type { ServerClock } from "./server-clock.ts";
import { ringingScript } from "./scripts/ringing.ts";
import { reportScript } from "./scripts/report.ts";
import { performance } from "../../real-time.ts";

/** What a claim needs of its broker. */
export interface ClaimSettings {
  readonly namespace: string;
  readonly commands: Connection;
  readonly blocking: Connection;
  readonly clock: ServerClock;
}

/** Whose bells have rung, or the claim that went out with the wait. */
type Heard = { readonly rung: readonly ServedQueue[] } | { readonly batch: ClaimedBatch };

/** Replies by number: what is left. */
const kindsLeft: readonly Left[] = ["nothing", "calls", "suspects"];

/** How many bytes of records a claim asks for, by the size of those that the queue gave last; the script stops there, too. */
const mostClaimedBytes = 524_288;

/** For how long a reply shows that a connection is not half open, ms. */
const freshMs = 250;

/**
 * Claims calls. Queues are asked when they are known to hold more, or their bells have rung: several in one write, each
 * for its share of the limit. While some hold more, the bells of the others are listened to now and then, so that a quiet
 * queue does not wait behind a busy one.
 *
 * A claim that waits for one queue has the claim in the same write as the wait. If the connection is half open
 * by then, what it is given is stranded until that is noticed: where the last reply is older than {@link freshMs}, it
 * asks for one call, and the rest is claimed at once after it. While replies come all the time it asks for all it has
 * room for: with 100 calls in flight that makes batches three times as large, and saves a third of all CPU.
 */
export class Claims {
  readonly #settings: ClaimSettings;
  readonly #bells: Bells;
  /** As seen by claims of all calls, and by those of nested ones only. */
  readonly #views = new QueueViews();
  readonly #nestedViews = new QueueViews();
  readonly #askings: Askings;
  /** When the blocking connection last brought a claim's reply, by {@link performance.now}. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  /** How large the records of a queue were in its last reply that held some, on average, bytes. */
  readonly #recordBytes = new Map<string, number>();
  readonly #known = new WeakMap<ServedQueue, QueueKeys>();
  readonly #open = new Set<Promise<readonly ClaimedBatch[]>>();
  /** Claims on their way. */
  readonly #asking = new Set<Asking>();

  constructor(settings: ClaimSettings) {
    this.#settings = settings;
    this.#askings = new Askings(settings.namespace);
    this.#bells = new Bells(settings.blocking, settings.commands);
  }

  claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    if (this.#closed) return Promise.reject(unavailable("the connection to Redis was closed"));
    if (request.afresh === true) {
      this.#views.clear();
      this.#nestedViews.clear();
      for (const connection of [this.#settings.commands, this.#settings.blocking]) connection.leave();
    }
    const claiming = this.#claim(request);
    this.#open.add(claiming);
    return claiming.then(
      (batches) => {
        this.#open.delete(claiming);
        return this.#closed ? [] : batches;
      },
      (error: unknown) => {
        this.#open.delete(claiming);
        if (this.#closed) return [];
        throw error;
      },
    );
  }

  /** Gives back what a worker that claims no more was given by claims whose replies were lost, or have not come. */
  async giveBackLost(worker: string): Promise<void> {
    const onTheirWay = [...this.#asking].flatMap((asking) => asking.given(worker));
    const lost = [...this.#askings.unanswered(worker), ...onTheirWay];
    // Where Redis can't be reached, the leases lapse.
    await Promise.allSettled(
      lost.map(([queue, token]) => {
        const { key, args } = this.#askings.giveBack(worker, queue, token);
        return this.#settings.commands.run(claimScript, key, () => args);
      }),
    );
  }

  /** Lets waiting claims end empty: what they have just been given goes back. */
  async close(): Promise<void> {
    this.#closed = true;
    const open = Promise.allSettled(this.#open);
    await this.#bells.close();
    for (const claim of await open) if (claim.status === "fulfilled") await this.#giveBack(claim.value);
  }

  #claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const { queues, waitMs, signal, nestedOnly } = request;
    const until = performance.now() + waitMs;
    const views = this.#viewsOf(nestedOnly);
    if (waitMs <= 0) views.forget(queues);
    // A quiet worker's claims are mostly waits.
    if (waitMs <= 0 || signal.aborted || views.promising(request).length > 0) return this.#askOrWait(request, until);
    return this.#wait(request, waitMs).then((heard) =>
      "batch" in heard ? [heard.batch] : this.#askOrWait(request, until, heard.rung),
    );
  }

  /** @param heard - whose bells rang in the wait that was before, if there was one. */
  async #askOrWait(
    request: ClaimRequest,
    until: number,
    heard?: readonly ServedQueue[],
  ): Promise<readonly ClaimedBatch[]> {
    const { queues } = request;
    const views = this.#viewsOf(request.nestedOnly);
    let waited = heard !== undefined;
    /** Their tokens are taken: they are asked before the others, and even if it is called off. */
    let rung = heard ?? [];
    for (;;) {
      if (request.signal.aborted && rung.length === 0) return [];
      const promising = views.promising(request);
      if (promising.length > 0 && promising.length < queues.length && rung.length === 0) {
        // Those that were empty are not to wait until the others are.
        const others = queues.filter((queue) => !promising.includes(queue));
        rung = await this.#heardNow(views.unheard(others), request, request.limit);
      }
      const asked = rung.length === 0 ? promising : [...new Set([...rung, ...promising])];
      rung = [];
      const batches = asked.length > 0 ? await this.#askAll(asked, request) : [];
      if (batches.length > 0) return batches;
      // Another claim may be allowed a suspect where this one is not.
      if (waited && !request.suspect && views.suspected(queues) !== undefined) return [];
      if (asked.length > 0) continue;
      const leftMs = until - performance.now();
      if (leftMs <= 0 || this.#closed) return [];
      const woken = await this.#wait(request, leftMs);
      if ("batch" in woken) return [woken.batch];
      rung = woken.rung;
      waited = true;
    }
  }

  #viewsOf(nestedOnly = false): QueueViews {
    return nestedOnly ? this.#nestedViews : this.#views;
  }

  /** Whose bells ring: no more than can be asked at once, for what is heard here is heard by nobody else. */
  async #heardNow(
    queues: readonly ServedQueue[],
    request: ClaimRequest,
    most: number,
  ): Promise<readonly ServedQueue[]> {
    if (queues.length === 0 || most === 0) return [];
    const ringing = this.#ringing(queues, request, most);
    return rungOf(queues, await this.#settings.commands.run(ringing.script, ringing.key, () => ringing.args()));
  }

  #ringing(queues: readonly ServedQueue[], { nestedOnly }: ClaimRequest, most: number): Fused {
    const key = queues.map((queue) => this.#keys(queue).queue);
    return { script: ringingScript, key, args: () => [most, nestedOnly === true ? "bell:nested" : "bell"] };
  }

  /** Claims from some queues in one write, each with its share of the limit. */
  async #askAll(queues: readonly ServedQueue[], request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const asked = queues.slice(0, request.limit);
    if (asked.length === 1) {
      const batch = await this.#ask(asked[0]!, request);
      return batch === undefined ? [] : [batch];
    }
    const share = Math.floor(request.limit / asked.length);
    const rest = request.limit % asked.length;
    const forSuspect = request.suspect ? (this.#viewsOf(request.nestedOnly).suspected(asked) ?? asked[0]) : undefined;
    const asking = this.#settings.commands.together(() =>
      asked.map((queue, index) =>
        this.#ask(queue, { ...request, limit: index < rest ? share + 1 : share, suspect: queue === forSuspect }),
      ),
    );
    const batches: ClaimedBatch[] = [];
    let failed: PromiseRejectedResult | undefined;
    for (const answer of await Promise.allSettled(asking)) {
      if (answer.status === "rejected") failed ??= answer;
      else if (answer.value !== undefined) batches.push(answer.value);
    }
    // What has been claimed counts; the next claim meets what is wrong.
    if (failed !== undefined && batches.length === 0) throw failed.reason;
    return batches;
  }

  async #ask(queue: ServedQueue, request: ClaimRequest): Promise<ClaimedBatch | undefined> {
    const asking = this.#begin(queue, request, this.#fitting(queue, request.limit));
    try {
      const reply = await this.#settings.commands.run(asking.script, asking.key, (again) => asking.args(again));
      return this.#learn(queue.name, reply, asking, request.nestedOnly);
    } catch (error) {
      asking.unanswered();
      throw error;
    } finally {
      this.#asking.delete(asking);
    }
  }

  #begin(queue: ServedQueue, request: ClaimRequest, limit: number): Asking {
    const asking = this.#askings.begin(queue, request, limit);
    this.#asking.add(asking);
    return asking;
  }

  /** Waits until there may be something, and says whose bells have rung, or has the claim of the only queue already. */
  #wait(request: ClaimRequest, leftMs: number): Promise<Heard> {
    const { queues, signal, nestedOnly } = request;
    const bells = queues.map((queue) => this.#keys(queue)[nestedOnly === true ? "nestedBell" : "bell"]);
    const waitMs = Math.min(leftMs, this.#viewsOf(nestedOnly).dueAt(queues) - performance.now());
    const wait = { bells, waitMs, signal };
    return queues.length === 1 ? this.#waitFused(queues[0]!, request, wait) : this.#waitForAny(request, wait);
  }

  async #waitForAny(request: ClaimRequest, wait: Wait): Promise<Heard> {
    const { queues, limit, nestedOnly } = request;
    const { bells } = wait;
    // One token comes from the wait itself.
    const fused = this.#ringing(queues, request, limit - 1);
    const { bell, reply } = await this.#bells.wait({ ...wait, fused });
    if (bell === undefined) {
      // A bell is a hint, and may be lost: all are asked.
      this.#viewsOf(nestedOnly).forget(queues);
      return { rung: rungOf(queues, reply) };
    }
    const others = reply === undefined ? await this.#heardNow(queues, request, limit - 1) : rungOf(queues, reply);
    return { rung: [queues[bells.indexOf(bell)]!, ...others] };
  }

  #waitFused(queue: ServedQueue, request: ClaimRequest, wait: Wait): Promise<Heard> {
    const limit = performance.now() - this.#heardAt < freshMs ? request.limit : 1;
    const asking = this.#begin(queue, request, this.#fitting(queue, limit));
    return this.#bells.wait({ ...wait, fused: asking }).then(
      ({ reply }) => {
        this.#asking.delete(asking);
        if (reply === undefined) {
          asking.unanswered();
          this.#viewsOf(request.nestedOnly).forget([queue]);
          return { rung: [] };
        }
        this.#heardAt = performance.now();
        const batch = this.#learn(queue.name, reply, asking, request.nestedOnly);
        return batch === undefined ? { rung: [] } : { batch };
      },
      (error: unknown) => {
        this.#asking.delete(asking);
        asking.unanswered();
        throw error;
      },
    );
  }

  #learn(queue: string, reply: unknown, asking: Asking, nestedOnly: boolean | undefined): ClaimedBatch | undefined {
    if (!Array.isArray(reply)) throw new TaskError("internal", "Redis answered a claim with what is no list");
    const [fence, time, dueMs, left, suspects, given] = reply as (Buffer | number)[];
    const now = Number(time);
    const at = this.#settings.clock.instantOf(now, asking.sentAt);
    this.#viewsOf(nestedOnly).learn(queue, kindsLeft[Number(left)] ?? "nothing", Number(dueMs), at);
    const calls = unpackedCalls(given as Buffer, Number(suspects));
    asking.answered(calls);
    if (calls.length === 0) return undefined;
    this.#recordBytes.set(queue, (given as Buffer).length / calls.length);
    return { queue, fence: Number(fence), now, at, calls };
  }

  /** How many calls to ask for: the script reads the records before it knows how large they are. */
  #fitting({ name }: ServedQueue, limit: number): number {
    const bytes = this.#recordBytes.get(name) ?? 0;
    return limit * bytes <= mostClaimedBytes ? limit : Math.max(1, Math.floor(mostClaimedBytes / bytes));
  }

  async #giveBack(batches: readonly ClaimedBatch[]): Promise<void> {
    for (const { queue, fence, calls } of batches) {
      const args = calls.flatMap(({ id }) => ["release", id, fence, "", ""]);
      const { commands, namespace } = this.#settings;
      // If Redis can't be reached, their lease lapses.
      await commands.run(reportScript, queueKeys(namespace, queue).queue, () => args).catch(() => undefined);
    }
  }

  #keys(queue: ServedQueue): QueueKeys {
    let keys = this.#known.get(queue);
    if (keys === undefined) this.#known.set(queue, (keys = queueKeys(this.#settings.namespace, queue.name)));
    return keys;
  }
}

/** What {@link ringingScript} has answered of some queues. */
function rungOf(queues: readonly ServedQueue[], reply: unknown): readonly ServedQueue[] {
  return Array.isArray(reply) ? reply.map((index: number) => queues[index]!) : [];
}
