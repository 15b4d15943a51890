/** Taskpact with its default settings: a contract a queue. */
import { createWorker, streamLogger, task } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import * as z from "zod";
import { concurrency, type Job, type MixedCaller, type MixedContestant } from "./mixed.ts";

const log = streamLogger("error");
const run = task({ params: { waitMs: z.number(), text: z.string() }, result: z.string() });
const contractsOf = (queues: readonly string[]) => queues.map((queue) => contractOf(queue, { run }, ["run"]));

export const contestant: MixedContestant = {
  async startWorker(broker, queues, handle) {
    const implementations = contractsOf(queues).map((contract) => implement(contract, { run: handle as never }));
    await new Promise<void>((listening, fail) => {
      const heard = { ...log, info: (_: object, message: string) => message === "listening" && listening() };
      createWorker({ broker, implementations, concurrency, log: heard }).run().catch(fail);
    });
  },
  async openCaller(broker, queues) {
    type Face = Readonly<Record<string, { run(waitMs: number, text: string): Promise<string> }>>;
    const tasks = createClient<Face>({ shape: "byContract", contracts: contractsOf(queues) }, { broker, log });
    const call: MixedCaller = (queue, { waitMs, text }: Job) => tasks[queue]!.run(waitMs, text);
    return call;
  },
};
