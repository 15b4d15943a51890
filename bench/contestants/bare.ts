/**
 * The limit: what Redis and ioredis give if nothing is safe. Calls of one turn of the event loop go together in one
 * script: SETEX of each, one RPUSH of their ids, and a ring of the bell. The worker waits with BLPOP on the bell and pops
 * up to a hundred; it stores the replies with SETEX and tells them in one message. No lease, no fence, no retry, no check
 * of anything, no look for a lost message: whatever breaks here is lost. JSON, as for two numbers it is the fastest.
 * Retention: a minute.
 */
import { Redis, type Result } from "ioredis";
import type { Addends, Contestant } from "./contestant.ts";

declare module "ioredis" {
  interface RedisCommander<Context> {
    bareSubmit(queue: string, bell: string, ...idsAndRecords: string[]): Result<unknown, Context>;
    bareClaim(queue: string, bell: string, most: number): Result<string[], Context>;
    bareFinish(channel: string, message: string, ...idsAndReplies: string[]): Result<unknown, Context>;
  }
}

const submit = `
local ids = {}
for i = 1, #ARGV, 2 do
  redis.call('SETEX', 'bare:result:' .. ARGV[i], 60, ARGV[i + 1])
  ids[#ids + 1] = ARGV[i]
end
redis.call('RPUSH', KEYS[1], unpack(ids))
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], 1) end`;

const claim = `
local ids = redis.call('LPOP', KEYS[1], ARGV[1])
if not ids then return {} end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('RPUSH', KEYS[2], 1) end
end
local keys = {}
for i = 1, #ids do keys[i] = 'bare:result:' .. ids[i] end
local records = redis.call('MGET', unpack(keys))
local reply = {}
for i = 1, #ids do
  reply[2 * i - 1] = ids[i]
  reply[2 * i] = records[i]
end
return reply`;

const finish = `
for i = 2, #ARGV, 2 do redis.call('SETEX', 'bare:result:' .. ARGV[i], 60, ARGV[i + 1]) end
redis.call('PUBLISH', KEYS[1], ARGV[1])`;

const queue = "bare:queue";
const bell = "bare:bell";
const channel = "bare:replies";
const most = 100;

/** @returns a connection whose commands are the scripts, too. */
function connect(url: string): Redis {
  const redis = new Redis(url);
  redis.defineCommand("bareSubmit", { numberOfKeys: 2, lua: submit });
  redis.defineCommand("bareClaim", { numberOfKeys: 2, lua: claim });
  redis.defineCommand("bareFinish", { numberOfKeys: 1, lua: finish });
  return redis;
}

export const contestant: Contestant = {
  async startWorker(url, { handle }) {
    const [redis, blocking] = [connect(url), connect(url)];
    await Promise.all([redis.ping(), blocking.ping()]);
    const work = async (): Promise<never> => {
      for (;;) {
        // In one write with the wait, which saves a round trip. What is left over rings again.
        const answers = await blocking.pipeline().blpop(bell, 1).bareClaim(queue, bell, most).exec();
        const claimed = answers?.[1]?.[1] as string[];
        if (claimed.length === 0) continue;
        const [replies, told]: [string[], (string | number)[]] = [[], []];
        for (let at = 0; at < claimed.length; at += 2) {
          const value = handle((JSON.parse(claimed[at + 1]!) as { readonly params: Addends }).params);
          replies.push(claimed[at]!, JSON.stringify({ value }));
          told.push(claimed[at]!, value);
        }
        void redis.bareFinish(channel, JSON.stringify(told), ...replies);
      }
    };
    void work();
  },
  async openCaller(url) {
    const [redis, hearing] = [connect(url), connect(url)];
    const waiting = new Map<string, (sum: number) => void>();
    hearing.on("message", (_, message) => {
      const told = JSON.parse(message) as (string | number)[];
      for (let at = 0; at < told.length; at += 2) {
        const id = told[at] as string;
        waiting.get(id)?.(told[at + 1] as number);
        waiting.delete(id);
      }
    });
    await hearing.subscribe(channel);
    const mark = process.pid.toString(36);
    let count = 0;
    let batch: string[] = [];
    let sent: (() => void)[] = [];
    const flush = (): void => {
      const [records, done] = [batch, sent];
      [batch, sent] = [[], []];
      void redis.bareSubmit(queue, bell, ...records).then(() => {
        for (const one of done) one();
      });
    };
    const add = (addends: Addends): string => {
      const id = `${mark}${(count++).toString(36)}`;
      if (batch.push(id, JSON.stringify({ task: "math.addition", params: addends })) === 2) setImmediate(flush);
      return id;
    };
    return {
      call: (addends) => new Promise((resolve) => void waiting.set(add(addends), resolve)),
      submit: (addends) =>
        new Promise<void>((resolve) => {
          add(addends);
          sent.push(resolve);
        }),
      close: () => Promise.all([redis.quit(), hearing.quit()]),
    };
  },
};
