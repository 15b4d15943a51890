import { Redis } from "ioredis";
import { type Message, messagesIn, parse, states } from "../protocol/record.ts";
import type { Run } from "./case.ts";
import type { Entry } from "./journal.ts";
import type { Stage } from "./stage.ts";
import { errands, queue, type RunAnswer } from "./tasks.ts";

type State = (typeof states)[number];

/** How an accepted call is to end. */
export interface Expected {
  readonly id: string;
  /** @default "faults" */
  readonly queue?: string | undefined;
  /** @default succeeded */
  readonly state?: State | undefined;
  /** The number that was asked for, which its answer bears. */
  readonly number?: number | undefined;
}

/** What was found, besides violations. */
export interface Verdict {
  /** Accepted calls that have not ended, or not as they had to. */
  readonly lost: number;
  /** Finishes that were accepted though a later run had begun. */
  readonly stale: number;
  /** Runs of handlers beyond the first of each call. */
  readonly redelivered: number;
  /** How many deaths the one call was charged with that was charged with the most, parked ones aside. */
  readonly mostDeaths: number;
  /** Finishes that came too late, and were told so. */
  readonly refused: number;
}

/**
 * Judges what has become of calls by what Redis holds and has published, and by the journals; it asks nothing of the
 * runtime, and reads records by docs/protocol.md.
 */
export class Oracle {
  readonly #stage: Stage;
  /** How often an end was told, by channel and id. */
  readonly #told = new Map<string, number>();

  /** From now on it hears each end that is told. */
  static async watch(stage: Stage): Promise<Oracle> {
    const oracle = new Oracle(stage);
    const ear = new Redis(stage.server.url);
    stage.run.defer(() => ear.disconnect());
    ear.on("error", () => undefined);
    ear.on("pmessageBuffer", (_: Buffer, channel: Buffer, message: Buffer) => oracle.#hear(String(channel), message));
    await ear.psubscribe(`${stage.namespace}:client:*`);
    return oracle;
  }

  private constructor(stage: Stage) {
    this.#stage = stage;
  }

  #hear(channel: string, message: Buffer): void {
    for (const [kind, id] of wellFormed(message)) {
      if (kind !== 0) continue;
      const key = `${channel} ${id}`;
      this.#told.set(key, (this.#told.get(key) ?? 0) + 1);
    }
  }

  /**
   * At any moment: an accepted call that is open stands in a list, is delayed or is leased, and each lease has its end.
   * One step of Redis, so that nothing moves meanwhile.
   */
  async look(calls: readonly Expected[], queues: readonly string[] = [queue, errands]): Promise<void> {
    const { run, redis } = this.#stage;
    for (const name of queues) {
      const ids = calls.flatMap((call) => ((call.queue ?? queue) === name ? [call.id] : []));
      const astray = (await redis.eval(lookScript, 1, this.#stage.key("queue", name), ...ids)) as readonly string[];
      for (const what of astray.slice(0, 5)) run.must(false, `at a look: ${what}`);
    }
  }

  /** When all is over: each call has ended as it had to, once, by its last run; and nothing is left of the queues. */
  async judge(calls: readonly Expected[], queues: readonly string[] = [queue, errands]): Promise<Verdict> {
    const { run } = this.#stage;
    const journal = await this.#stage.journal();
    const runs = groupBy(journal.filter(({ what }) => what === "began"));
    const verdicts = groupBy(journal.filter((entry) => "kind" in entry && entry.kind === "finish"));
    const faults = new Map<string, string[]>();
    const blame = (id: string, promise: string): void => {
      faults.set(promise, [...(faults.get(promise) ?? []), id]);
    };
    let lost = 0;
    let stale = 0;
    let mostDeaths = 0;

    for (const { call, record } of await this.#records(calls)) {
      const { id, state = "succeeded", number } = call;
      if (record === null) {
        lost += 1;
        blame(id, "an accepted call is lost: it has no record");
        continue;
      }
      const { header, entries } = parse(record);
      const name = states[header?.state ?? -1];
      if (name !== state) {
        lost += 1;
        blame(id, `an accepted call is ${name}, not ${state}`);
        continue;
      }
      const ended = (verdicts.get(id) ?? []).filter(({ what }) => what === "accepted");
      if (ended.length > 1) blame(id, `${ended.length} finishes of a call were accepted`);
      if (state !== "succeeded") continue;
      mostDeaths = Math.max(mostDeaths, header?.deaths ?? 0);
      const value = entries["value"] as RunAnswer;
      if (number !== undefined && value.number !== number) blame(id, "an answer is another call's");
      if (value.fence !== header?.fence) blame(id, "an answer bears another fence than its record");
      const fences = (runs.get(id) ?? []).map((entry) => ("fence" in entry ? entry.fence : 0));
      if (Math.max(...fences) !== value.fence) {
        stale += 1;
        blame(id, "a stale finish was accepted: a later run had begun");
      }
      if (new Set(fences).size !== fences.length) blame(id, "two runs have one fence");
    }
    for (const [key, times] of this.#told) if (times > 1) blame(key, "the end of a call was told more than once");
    for (const [promise, ids] of faults) {
      run.must(false, `${promise}: ${ids.length} (${ids.slice(0, 3).join(", ")})`);
    }
    for (const name of queues) await this.#mustBeEmpty(run, name);

    const asked = new Set(calls.map(({ id }) => id));
    const ran = [...runs].filter(([id]) => asked.has(id));
    return {
      lost,
      stale,
      mostDeaths,
      redelivered: ran.reduce((sum, [, entries]) => sum + entries.length - 1, 0),
      refused: [...verdicts.values()].flat().filter(({ what }) => what === "refused").length,
    };
  }

  async #records(
    calls: readonly Expected[],
  ): Promise<readonly { readonly call: Expected; readonly record: Buffer | null }[]> {
    const { redis } = this.#stage;
    const found: { readonly call: Expected; readonly record: Buffer | null }[] = [];
    for (let at = 0; at < calls.length; at += 500) {
      const some = calls.slice(at, at + 500);
      const records = await redis.mgetBuffer(some.map((call) => this.#stage.key(`result:${call.id}`, call.queue)));
      for (const [index, call] of some.entries()) found.push({ call, record: records[index] ?? null });
    }
    return found;
  }

  /** No lease, no waiting id, nothing aside: only what is kept of calls that have ended. */
  async #mustBeEmpty(run: Run, name: string): Promise<void> {
    const { redis } = this.#stage;
    const key = (what: string) => this.#stage.key(what, name);
    const left: Record<string, number> = {
      "ids in the lists": await sum([
        redis.llen(key("queue")),
        redis.llen(key("queue:high")),
        redis.llen(key("queue:low")),
      ]),
      suspects: await redis.llen(key("suspects")),
      "suspects that are held": await redis.hlen(key("suspected")),
      delayed: await redis.zcard(key("delayed")),
      aside: await redis.scard(key("asides")),
      leases: (await redis.zrange(key("leases"), "0", "-1")).filter((member) => member !== "\0".repeat(65)).length,
      "ends of leases": await redis.zcard(key("expiry")),
    };
    for (const [what, count] of Object.entries(left)) {
      run.must(count === 0, `when all has ended, ${name} has ${count} left: ${what}`);
    }
  }
}

/** What a message holds; nothing of one that is none of Taskpact's, as anybody may publish anything. */
function wellFormed(message: Buffer): readonly Message[] {
  try {
    return messagesIn(message).filter((item) => Array.isArray(item));
  } catch {
    return [];
  }
}

async function sum(counts: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(counts)).reduce((all, one) => all + one, 0);
}

function groupBy(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.id);
    if (group === undefined) groups.set(entry.id, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** Ids of open calls that stand nowhere, and fences of leases that never end. */
const lookScript = String.raw`
local P = string.sub(KEYS[1], 1, -6)
local found, astray = {}, {}
local lists = { P .. 'queue', P .. 'queue:high', P .. 'queue:low', P .. 'suspects' }
for _, task in ipairs(redis.call('SMEMBERS', P .. 'asides')) do lists[#lists + 1] = P .. 'aside:' .. task end
for _, list in ipairs(lists) do
  for _, id in ipairs(redis.call('LRANGE', list, 0, -1)) do found[id] = true end
end
for _, id in ipairs(redis.call('ZRANGE', P .. 'delayed', 0, -1)) do found[id] = true end
local leases = redis.call('ZRANGE', P .. 'leases', 0, -1, 'WITHSCORES')
for at = 1, #leases, 2 do
  local id, fence = leases[at], leases[at + 1]
  found[id] = true
  if #id < 65 and not redis.call('ZSCORE', P .. 'expiry', fence) then
    astray[#astray + 1] = 'the lease ' .. fence .. ' has no end'
  end
end
for _, id in ipairs(ARGV) do
  local state = redis.call('GETRANGE', P .. 'result:' .. id, 6, 6)
  if state == '' then
    astray[#astray + 1] = id .. ' has no record'
  elseif string.byte(state) < 4 and not found[id] then
    astray[#astray + 1] = id .. ' is open and stands nowhere'
  end
end
return astray
`;
