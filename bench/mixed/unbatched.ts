/**
 * The bare protocol without batches, as one writes it by hand: for each call a pipeline of SETEX and RPUSH, one BLPOP of
 * its id, one GET, a pipeline of SETEX and PUBLISH. Nothing is safe, and nothing waits for anything else.
 */
import { Redis } from "ioredis";
import { concurrency, type Job, type MixedContestant } from "./mixed.ts";

const prefix = "unbatched:";
const channel = `${prefix}replies`;

export const contestant: MixedContestant = {
  async startWorker(url, queues, handle) {
    const [redis, blocking] = [new Redis(url), new Redis(url)];
    await Promise.all([redis.ping(), blocking.ping()]);
    const lists = queues.map((queue) => prefix + queue);
    let running = 0;
    let freed = (): void => undefined;
    const run = async (id: string): Promise<void> => {
      const value = await handle(JSON.parse((await redis.get(`${prefix}result:${id}`))!) as Job);
      const reply = JSON.stringify({ id, value });
      await redis.pipeline().setex(`${prefix}result:${id}`, 60, reply).publish(channel, reply).exec();
    };
    const work = async (): Promise<never> => {
      for (;;) {
        if (running >= concurrency) await new Promise<void>((free) => (freed = free));
        const popped = await blocking.blpop(lists, 1);
        if (popped === null) continue;
        running++;
        void run(popped[1]).finally(() => {
          running--;
          freed();
        });
      }
    };
    void work();
  },
  async openCaller(url) {
    const [redis, hearing] = [new Redis(url), new Redis(url)];
    const waiting = new Map<string, (value: string) => void>();
    hearing.on("message", (_, message) => {
      const { id, value } = JSON.parse(message) as { readonly id: string; readonly value: string };
      waiting.get(id)?.(value);
      waiting.delete(id);
    });
    await hearing.subscribe(channel);
    const mark = process.pid.toString(36);
    let count = 0;
    return (queue, job) =>
      new Promise((resolve, reject) => {
        const id = `${mark}${(count++).toString(36)}`;
        waiting.set(id, resolve);
        const pipeline = redis.pipeline().setex(`${prefix}result:${id}`, 60, JSON.stringify(job));
        pipeline
          .rpush(prefix + queue, id)
          .exec()
          .catch(reject);
      });
  },
};
