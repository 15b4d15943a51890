/**
 * BullMQ by its documentation: `waitUntilFinished` with one `QueueEvents`, concurrency 50 as its page on concurrency has
 * it: of 10, 20, 50, 100, 300 and 1,000 the fastest, taken over 100 and 1,000 calls in flight. ioredis's
 * `enableAutoPipelining` made it slower. `removeOnComplete: true` is unsafe here: a caller may find its job gone before it
 * has heard of its end. Retention: the last 10,000 jobs.
 */
import { Queue, QueueEvents, Worker } from "bullmq";
import type { Addends, Contestant } from "../contestants/contestant.ts";

const name = "math";
const connectionOf = (url: string) => ({ url, maxRetriesPerRequest: null });

export const contestant: Contestant = {
  async startWorker(url, { handle }) {
    const worker = new Worker<Addends, number>(name, async ({ data }) => handle(data), {
      connection: connectionOf(url),
      concurrency: 50,
    });
    await worker.waitUntilReady();
  },
  async openCaller(url) {
    const queue = new Queue<Addends, number>(name, {
      connection: connectionOf(url),
      defaultJobOptions: { removeOnComplete: 10_000, removeOnFail: 10_000 },
    });
    const events = new QueueEvents(name, { connection: connectionOf(url) });
    // Each call that waits adds one to both.
    queue.setMaxListeners(0);
    events.setMaxListeners(0);
    await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
    return {
      call: async (addends) => (await queue.add("addition", addends)).waitUntilFinished(events),
      submit: (addends) => queue.add("addition", addends),
      close: () => Promise.all([queue.close(), events.close()]),
    };
  },
};
