/** BullMQ as in bullmq.ts beside this, with concurrency 100 for each queue: it has no limit over several. */
import { Queue, QueueEvents, Worker } from "bullmq";
import { concurrency, type Job, type MixedContestant } from "../mixed/mixed.ts";

const connectionOf = (url: string) => ({ url, maxRetriesPerRequest: null });

export const contestant: MixedContestant = {
  async startWorker(url, queues, handle) {
    const workers = queues.map(
      (queue) =>
        new Worker<Job, string>(queue, async ({ data }) => handle(data), {
          connection: connectionOf(url),
          concurrency,
        }),
    );
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  },
  async openCaller(url, queues) {
    const opened = new Map(
      await Promise.all(
        queues.map(async (name) => {
          const queue = new Queue<Job, string>(name, {
            connection: connectionOf(url),
            defaultJobOptions: { removeOnComplete: 1_000, removeOnFail: 1_000 },
          });
          const events = new QueueEvents(name, { connection: connectionOf(url) });
          queue.setMaxListeners(0);
          events.setMaxListeners(0);
          await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
          return [name, { queue, events }] as const;
        }),
      ),
    );
    return async (name, job) => {
      const { queue, events } = opened.get(name)!;
      return (await queue.add("run", job)).waitUntilFinished(events);
    };
  },
};
