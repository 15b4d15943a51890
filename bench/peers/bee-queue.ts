/**
 * bee-queue by its documentation: a queue that only adds has `isWorker: false`, a worker `getEvents: false`, jobs go as they
 * succeed. Replies are heard by the queue's own event, of ids that the caller gave, as those that hang on a job
 * (`job.on("succeeded")`) get lost now and then: the event can come before the id is known. Retention: none.
 */
import Queue from "bee-queue";
import type { Addends, Contestant } from "../contestants/contestant.ts";

const settings = { removeOnSuccess: true, activateDelayedJobs: false };

export const contestant: Contestant = {
  async startWorker(url, { handle }) {
    const queue = new Queue<Addends>("math", { ...settings, redis: url as never, getEvents: false, storeJobs: false });
    await queue.ready();
    queue.process(100, async ({ data }) => handle(data));
  },
  async openCaller(url) {
    const queue = new Queue<Addends>("math", { ...settings, redis: url as never, isWorker: false, storeJobs: false });
    const waiting = new Map<string, (sum: number) => void>();
    queue.on("job succeeded", (id: string, sum: number) => {
      waiting.get(id)?.(sum);
      waiting.delete(id);
    });
    await queue.ready();
    const mark = process.pid.toString(36);
    let count = 0;
    return {
      call: (addends) =>
        new Promise((resolve, reject) => {
          const id = `${mark}${(count++).toString(36)}`;
          waiting.set(id, resolve);
          queue.createJob(addends).setId(id).save().catch(reject);
        }),
      submit: (addends) => queue.createJob(addends).save(),
      close: () => queue.close(),
    };
  },
};
