import type { ClaimedBatch, ClaimedCall, ClaimRequest, ServedQueue } from "../../broker.ts";
import { TaskError } from "../../errors.ts";
import { queueKeys } from "../../keys.ts";
import { Askings } from "./asking.ts";
import { Bells, type Fused, type Woken } from "./bells.ts";
import type { Connection } from "./connection.ts";
import { unavailable } from "./failure.ts";
import { unpacked } from "./packed.ts";
import { claimScript } from "./scripts/claim.ts";
import { reportScript } from "./scripts/report.ts";

/** What a claim needs of its broker. */
export interface ClaimSettings {
  readonly namespace: string;
  readonly commands: Connection;
  readonly blocking: Connection;
}

/** What is known to be left in a queue after a claim: suspects are for those who may have one. */
type Left = "nothing" | "calls" | "suspects";

/** What is known of a queue since it was last asked. */
interface QueueView {
  readonly left: Left;
  /** When its next delayed call is due, by {@link performance.now}; Infinity for none. */
  readonly dueAt: number;
}

/** Replies by number: what is left. */
const kindsLeft: readonly Left[] = ["nothing", "calls", "suspects"];

const unknownView: QueueView = { left: "calls", dueAt: Number.POSITIVE_INFINITY };

/** For how long a reply shows that a connection is not half open, ms. */
const freshMs = 250;

/**
 * Claims calls. One that waits for one queue has the claim in the same write as the wait. If the connection is half open
 * by then, what it is given is stranded until that is noticed: where the last reply is older than {@link freshMs}, it
 * asks for one call, and the rest is claimed at once after it. While replies come all the time it asks for all it has
 * room for: with 100 calls in flight that makes batches three times as large, and saves a third of all CPU.
 */
export class Claims {
  readonly #settings: ClaimSettings;
  readonly #bells: Bells;
  /** By queue, as seen by claims of all calls, and by those of nested ones only. */
  readonly #views = new Map<string, QueueView>();
  readonly #nestedViews = new Map<string, QueueView>();
  readonly #askings: Askings;
  /** When the blocking connection last brought a claim's reply, by {@link performance.now}. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #closed = false;
  readonly #open = new Set<Promise<readonly ClaimedBatch[]>>();

  constructor(settings: ClaimSettings) {
    this.#settings = settings;
    this.#askings = new Askings(settings.namespace);
    this.#bells = new Bells(settings.blocking, settings.commands);
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    if (this.#closed) throw unavailable("the connection to Redis was closed");
    if (request.afresh === true) {
      this.#views.clear();
      this.#nestedViews.clear();
      for (const connection of [this.#settings.commands, this.#settings.blocking]) connection.leave();
    }
    const claiming = this.#claim(request);
    this.#open.add(claiming);
    try {
      const batches = await claiming;
      return this.#closed ? [] : batches;
    } catch (error) {
      if (this.#closed) return [];
      throw error;
    } finally {
      this.#open.delete(claiming);
    }
  }

  /** Lets waiting claims end empty: what they have just been given goes back. */
  async close(): Promise<void> {
    this.#closed = true;
    const open = Promise.allSettled(this.#open);
    await this.#bells.close();
    for (const claim of await open) if (claim.status === "fulfilled") await this.#giveBack(claim.value);
  }

  async #claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const until = performance.now() + request.waitMs;
    let waited = false;
    let asked: readonly ServedQueue[] = request.waitMs > 0 ? this.#promising(request) : request.queues;
    for (;;) {
      if (request.signal.aborted) return [];
      const batches = asked.length > 0 ? await this.#askAll(asked, request) : [];
      if (batches.length > 0) return batches;
      // Another claim may be allowed a suspect where this one is not.
      if (waited && !request.suspect && this.#suspectsWait(request)) return [];
      asked = this.#promising(request);
      if (asked.length > 0) continue;
      const leftMs = until - performance.now();
      if (leftMs <= 0 || this.#closed) return [];
      const woken = await this.#wait(request, leftMs);
      if ("batch" in woken) return [woken.batch];
      asked = woken.ask;
      waited = true;
    }
  }

  #suspectsWait({ queues, nestedOnly }: ClaimRequest): boolean {
    const views = this.#viewsOf(nestedOnly);
    return queues.some(({ name }) => views.get(name)?.left === "suspects");
  }

  #viewsOf(nestedOnly = false): Map<string, QueueView> {
    return nestedOnly ? this.#nestedViews : this.#views;
  }

  /** The queues that hold more that this one may have, or are not known to hold none. */
  #promising({ queues, suspect, nestedOnly }: ClaimRequest): readonly ServedQueue[] {
    const now = performance.now();
    const views = this.#viewsOf(nestedOnly);
    return queues.filter(({ name }) => {
      const { left, dueAt } = views.get(name) ?? unknownView;
      return left === "calls" || (left === "suspects" && suspect) || dueAt <= now;
    });
  }

  /** Claims from some queues, one after the other, until the limit is reached. */
  async #askAll(queues: readonly ServedQueue[], request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const batches: ClaimedBatch[] = [];
    let { limit, suspect } = request;
    for (const queue of queues) {
      if (limit <= 0) break;
      try {
        const batch = await this.#ask(queue, { ...request, limit, suspect });
        if (batch === undefined) continue;
        batches.push(batch);
        limit -= batch.calls.length;
        suspect &&= !batch.calls.some((call) => call.suspect);
      } catch (error) {
        if (batches.length === 0) throw error;
        break; // What has been claimed counts; the next claim meets what is wrong.
      }
    }
    return batches;
  }

  async #ask(queue: ServedQueue, request: ClaimRequest): Promise<ClaimedBatch | undefined> {
    const asking = this.#askings.begin(queue, request);
    try {
      const reply = await this.#settings.commands.run(claimScript, asking.key, asking.args);
      return this.#learn(queue.name, reply, request.nestedOnly);
    } catch (error) {
      asking.unanswered();
      throw error;
    }
  }

  /** Waits until there may be something, and says which queues to ask, or has the claim of one already. */
  async #wait(
    request: ClaimRequest,
    leftMs: number,
  ): Promise<{ readonly ask: readonly ServedQueue[] } | { readonly batch: ClaimedBatch }> {
    const { queues, signal, nestedOnly } = request;
    const bell = nestedOnly === true ? "nestedBell" : "bell";
    const bells = new Map(queues.map((queue) => [this.#keys(queue)[bell], queue]));
    const views = this.#viewsOf(nestedOnly);
    const due = Math.min(...queues.map(({ name }) => views.get(name)?.dueAt ?? Number.POSITIVE_INFINITY));
    const wait = { bells: [...bells.keys()], waitMs: Math.min(leftMs, due - performance.now()), signal };
    if (queues.length === 1) return this.#waitFused(queues[0]!, request, wait);
    const { bell: heard } = await this.#bells.wait(wait);
    const rang = heard === undefined ? undefined : bells.get(heard);
    // After a wait without a bell all are asked: a bell is a hint, and may be lost.
    return { ask: rang === undefined ? queues : [rang] };
  }

  async #waitFused(
    queue: ServedQueue,
    request: ClaimRequest,
    wait: Parameters<Bells["wait"]>[0],
  ): Promise<{ readonly ask: readonly ServedQueue[] } | { readonly batch: ClaimedBatch }> {
    const limit = performance.now() - this.#heardAt < freshMs ? request.limit : 1;
    const asking = this.#askings.begin(queue, { ...request, limit });
    const fused: Fused = { script: claimScript, key: asking.key, args: asking.args };
    let woken: Woken;
    try {
      woken = await this.#bells.wait({ ...wait, fused });
    } catch (error) {
      asking.unanswered();
      throw error;
    }
    if (woken.reply === undefined) {
      asking.unanswered();
      return { ask: [queue] };
    }
    this.#heardAt = performance.now();
    const batch = this.#learn(queue.name, woken.reply, request.nestedOnly);
    return batch === undefined ? { ask: [] } : { batch };
  }

  #learn(queue: string, reply: unknown, nestedOnly: boolean | undefined): ClaimedBatch | undefined {
    if (!Array.isArray(reply)) throw new TaskError("internal", "Redis answered a claim with what is no list");
    const [fence, now, dueMs, left, suspect, given] = reply as (Buffer | number)[];
    const dueAt = Number(dueMs) < 0 ? Number.POSITIVE_INFINITY : performance.now() + Number(dueMs);
    this.#viewsOf(nestedOnly).set(queue, { left: kindsLeft[Number(left)] ?? "nothing", dueAt });
    const calls: ClaimedCall[] = [];
    const items = unpacked(given as Buffer);
    for (let at = 0; at + 1 < items.length; at += 2) {
      calls.push({ id: String(items[at]), record: items[at + 1]!, suspect: at / 2 + 1 === suspect });
    }
    return calls.length === 0 ? undefined : { queue, fence: Number(fence), now: Number(now), calls };
  }

  async #giveBack(batches: readonly ClaimedBatch[]): Promise<void> {
    for (const { queue, fence, calls } of batches) {
      const args = calls.flatMap(({ id }) => ["release", id, fence, "", ""]);
      const { commands, namespace } = this.#settings;
      // If Redis can't be reached, their lease lapses.
      await commands.run(reportScript, queueKeys(namespace, queue).queue, () => args).catch(() => undefined);
    }
  }

  #keys(queue: ServedQueue): ReturnType<typeof queueKeys> {
    return queueKeys(this.#settings.namespace, queue.name);
  }
}
