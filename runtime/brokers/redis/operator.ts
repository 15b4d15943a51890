import { TaskError } from "../../errors.ts";
import { newId } from "../../id.ts";
import type {
  Census,
  InspectedCall,
  Operator,
  PageRequest,
  PausedParts,
  ParkedRecords,
  PurgedCalls,
  PurgeRequest,
  Replay,
  Replayed,
} from "../../operator.ts";
import type { CallState } from "../../state.ts";
import { censusScript } from "./scripts/census.ts";
import { haltScript } from "./scripts/halt.ts";
import { listenScript } from "./scripts/listen.ts";
import { purgeScript } from "./scripts/purge.ts";
import { discardScript } from "./scripts/discard.ts";
import { dropScript } from "./scripts/drop.ts";
import { inspectScript } from "./scripts/inspect.ts";
import { parkedScript } from "./scripts/parked.ts";
import { replayScript } from "./scripts/replay.ts";
import { textOf } from "./foreign-text.ts";
import { bufferOf, storedCall } from "./stored.ts";
import type { RunScript } from "./submissions.ts";

/** Where a page ended, as its script says it: when the last one was parked, and its id. */
const cursor = /^[0-9.e+]+ [^]+$/;

/** A call's record, 1 if a worker has it, when it was parked, and the errors of its attempts. */
type Inspected = readonly [Buffer, number, Buffer | null, ...Buffer[]];

/** What {@link censusScript} returns. */
type CensusReply = readonly [
  now: Buffer,
  high: number,
  normal: number,
  low: number,
  nested: number,
  limited: number,
  aside: number,
  suspects: number,
  held: number,
  looked: number,
  delayed: number,
  retrying: number,
  running: number,
  parked: number,
  paused: Buffer,
  oldest: readonly Buffer[],
  asideTasks: readonly Buffer[],
];

/** Lists that calls wait in. */
const lists = ["queue:high", "queue:nested", "queue", "queue:low", "suspects"];

/** What a broker on Redis offers to those who look after its queues. */
export class RedisOperator implements Operator {
  readonly #run: RunScript;

  constructor(run: RunScript) {
    this.#run = run;
  }

  async parked(queue: string, { limit, after = "" }: PageRequest): Promise<ParkedRecords> {
    if (after !== "" && !cursor.test(after)) throw new TaskError("invalid_argument", "after is no page's next");
    const [next, ...rest] = (await this.#run(parkedScript, queue, () => [limit, after])) as readonly Buffer[];
    const calls = [];
    for (let at = 0; at + 2 < rest.length; at += 3) {
      calls.push({ id: textOf(rest[at]!), parkedAt: Number(rest[at + 1]), record: rest[at + 2]! });
    }
    return { calls, next: textOf(next!) || undefined };
  }

  async inspect(queue: string, id: string): Promise<InspectedCall | undefined> {
    const reply = (await this.#run(inspectScript, queue, () => [id])) as Inspected | null;
    if (reply === null) return undefined;
    const [record, running, parkedAt, ...failures] = reply;
    const { state } = storedCall(record, running === 1, null);
    return { state, record, parkedAt: parkedAt === null ? undefined : Number(parkedAt), failures };
  }

  async replay(queue: string, id: string, { record, lease }: Replay): Promise<Replayed | undefined> {
    const args = [id, bufferOf(record), lease?.worker ?? "", lease?.leaseMs ?? 0];
    const reply = (await this.#run(replayScript, queue, () => args)) as readonly (Buffer | number)[] | null;
    if (reply === null) return undefined;
    const [outcome, first, second, suspect] = reply;
    switch (outcome) {
      case 1:
        return { outcome: "queued" };
      case 2:
        return { outcome: "leased", fence: Number(first), now: Number(second), suspect: suspect === 1 };
      default:
        return { outcome: "refused", state: storedCall(first as Buffer, second === 1, null).state };
    }
  }

  async pause(queue: string, task: string | undefined, paused: boolean): Promise<void> {
    await this.#run(haltScript, queue, () => [task ?? "*", paused ? "1" : "0"]);
  }

  async paused(queue: string): Promise<PausedParts> {
    const names = ((await this.#run(haltScript, queue, () => ["", ""])) as readonly Buffer[]).map(String);
    return { queue: names.includes("*"), tasks: names.filter((name) => name !== "*").toSorted() };
  }

  async census(queue: string): Promise<Census> {
    const reply = (await this.#run(censusScript, queue, () => [])) as CensusReply;
    const [now, high, normal, low, nested, limited, aside, suspects, held, looked, delayed, retrying, ...rest] = reply;
    const [running, parked, paused, oldest] = rest;
    // Of more than were looked at, as many are of each kind as of those.
    const share = looked === 0 ? 0 : held / looked;
    return {
      now: Number(now),
      waiting: { high, nested, normal, low },
      limited,
      aside,
      suspects,
      delayed: Math.round(delayed * share),
      retrying: Math.round(retrying * share),
      running,
      parked,
      paused: String(paused) === "*",
      oldest: oldest.map(String),
    };
  }

  async purge(queue: string, { states, olderThanMs }: PurgeRequest): Promise<PurgedCalls> {
    let canceled = 0;
    let forgotten = 0;
    const places: string[] = [];
    if (states.includes("queued")) {
      const reply = (await this.#run(censusScript, queue, () => [])) as CensusReply;
      // What waits in line comes to its list as others leave it.
      places.push("lines", ...lists, ...reply[16].map((task) => `aside:${String(task)}`));
    }
    places.push(...states.filter((state) => state !== "queued"));
    for (const place of places) {
      for (let from = "0"; from !== "";) {
        const [count, next] = (await this.#run(purgeScript, queue, () => [place, from, olderThanMs ?? ""])) as [
          number,
          Buffer,
        ];
        if (place === "parked") forgotten += count;
        else canceled += count;
        from = String(next);
      }
    }
    return { canceled, forgotten };
  }

  async listen(queue: string, forMs: number): Promise<number> {
    return Number(await this.#run(listenScript, queue, () => [Math.ceil(forMs)]));
  }

  async drop(queue: string): Promise<boolean> {
    return (await this.#run(dropScript, queue, () => [])) === 1;
  }

  discard(queue: string, id: string): Promise<CallState | undefined> {
    return this.#forget(queue, id, "parked");
  }

  async forget(queue: string, id: string): Promise<"forgotten" | "open" | "unknown"> {
    const state = await this.#forget(queue, id, "ended");
    return state === undefined ? "unknown" : state === "parked" ? "forgotten" : "open";
  }

  /** @param which - those that may go. */
  async #forget(queue: string, id: string, which: "parked" | "ended"): Promise<CallState | undefined> {
    // Whose it was is known by the nonce: a reply may be lost, and another may have forgotten it since.
    const args = [id, which === "parked" ? "" : "1", newId()];
    const reply = (await this.#run(discardScript, queue, () => args)) as readonly (Buffer | number)[] | null;
    if (reply === null) return undefined;
    const [discarded, record, running] = reply;
    return discarded === 1 ? "parked" : storedCall(record as Buffer, running === 1, null).state;
  }
}
