/**
 * Taskpact with its default settings: as its README has it, but for lines in the log. Retention: the record of an
 * awaited call goes when its caller has acknowledged the answer, that of a submitted one stays an hour.
 */
import { createWorker, streamLogger } from "taskpact";
import { createTasks, implementMath } from "../../generated/index.ts";
import type { Contestant } from "./contestant.ts";

const log = streamLogger("error");

export const contestant: Contestant = {
  async startWorker(broker, { handle }) {
    const math = implementMath({
      addition: (params) => handle(params),
      subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
      division: ({ dividend, divisor }) => dividend / divisor,
    });
    await new Promise<void>((listening, fail) => {
      const heard = { ...log, info: (_: object, message: string) => message === "listening" && listening() };
      createWorker({ broker, implementations: [math], log: heard })
        .run()
        .catch(fail);
    });
  },
  async openCaller(broker) {
    const tasks = createTasks({ broker, log });
    const { submit } = tasks;
    return {
      call: ({ a, b }) => tasks.addition(a, b),
      submit: ({ a, b }) => submit.addition(a, b),
      close: () => tasks.client.close(),
    };
  },
};
