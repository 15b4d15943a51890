/** What is around handlers: dependencies, hooks and the log. `npx tsx -C taskpact-source examples/surroundings/main.ts` */
import { createWorker } from "taskpact";
import { createTasks, implementMath } from "../../generated/index.ts";
import { open } from "./dependencies.ts";
import { counting, currentCall, ends, scoping, timing } from "./hooks.ts";

const math = implementMath(
  {
    addition: async ({ a, b }, { dependencies, log }) => {
      await dependencies.ledger.write(`${a} + ${b}, in call ${currentCall()}`);
      log.info({ a, b }, "added");
      return a + b;
    },
    subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
    division: ({ dividend, divisor }, { errors }) => {
      if (divisor === 0) throw errors.divisionByZero({ dividend });
      return dividend / divisor;
    },
  },
  { dependencies: open },
);

const worker = createWorker({ broker: "memory:", implementations: [math], hooks: [scoping, timing] });
const running = worker.run();
const tasks = createTasks({ broker: "memory:", hooks: [counting] });

console.log(await tasks.with({ id: "first" }).addition(4, 6));
await tasks.safe.division(1, 0);

await tasks.client.close();
await worker.stop();
await running;
for (const [end, count] of ends) console.log(`${end}: ${count}`);
