/** What is around handlers: dependencies, hooks and the log. `npm run example:surroundings` */
import { createWorker } from "taskpact";
import { createTasks, implementMath } from "../../generated/index.ts";
import { open } from "./dependencies.ts";
import { counting, ends, timing } from "./hooks.ts";
import { requestId, requestIds } from "./request-id.ts";

const math = implementMath(
  {
    addition: async ({ a, b }, { dependencies, log }) => {
      await dependencies.ledger.write(`${a} + ${b}, for request ${requestId.getStore()}`);
      log.info({ a, b }, "added");
      return a + b;
    },
    subtraction: ({ minuend, subtrahend }, { tasks }) => tasks.addition(minuend, -subtrahend),
    division: ({ dividend, divisor }, { errors }) => {
      if (divisor === 0) throw errors.divisionByZero({ dividend });
      return dividend / divisor;
    },
  },
  { dependencies: open },
);

const worker = createWorker({ broker: "memory:", implementations: [math], hooks: [requestIds, timing] });
const running = worker.run();
const tasks = createTasks({ broker: "memory:", hooks: [counting, requestIds] });

console.log(await requestId.run("r-1", () => tasks.with({ id: "first" }).addition(4, 6)));
console.log(await requestId.run("r-2", () => tasks.subtraction(9, 2)));
await tasks.safe.division(1, 0);

await tasks.client.close();
await worker.stop();
await running;
for (const [end, count] of ends) console.log(`${end}: ${count}`);
