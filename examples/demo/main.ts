/**
 * A tour of Taskpact in a dozen calls, each shown with its line of code: `npm run demo`. The queues are in this
 * process; with `-- --redis redis://…` or `-- --redis auto` they are on Redis, and the worker is another process.
 */
import { TaskError } from "taskpact";
import { createTasks } from "../../generated/index.ts";
import { hasRunHere, localMath } from "./handlers.ts";
import { readOptions } from "../options.ts";
import { openStage } from "./stage.ts";

const stage = await openStage(readOptions("npm run demo")).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
const tasks = createTasks({ broker: stage.broker, namespace: stage.namespace, implementations: [localMath] });

/** Prints a line of code, what it gave, and what that shows. */
async function show(code: string, shows: string | (() => string), run: () => Promise<unknown>): Promise<void> {
  console.log(`\n  ${code}`);
  try {
    console.log(`    → ${JSON.stringify(await run())}`);
  } catch (error) {
    console.log(`    ✗ ${error instanceof TaskError ? error.message : String(error)}`);
  }
  console.log(`      ${typeof shows === "string" ? shows : shows()}`);
}

/** Tells where the last call ran. */
const ranBy = (policy: string) => () => `${policy}: it ran ${hasRunHere() ? "here" : "on the worker"}`;

const heading = (text: string): void => console.log(`\n${text}`);

console.log(`Taskpact on ${stage.description}`);

heading("One call by each policy");
await show(`tasks.addition(4, 6)`, ranBy("local-first, the default"), () => tasks.addition(4, 6));
await show(`tasks.with({ policy: "remote-only" }).addition(4, 6)`, ranBy("remote-only"), () =>
  tasks.with({ policy: "remote-only" }).addition(4, 6),
);
await show(`tasks.with({ policy: "local-only" }).addition(4, 6)`, ranBy("local-only"), () =>
  tasks.with({ policy: "local-only" }).addition(4, 6),
);
await show(`tasks.with({ policy: "remote-first" }).addition(4, 6)`, ranBy("remote-first"), () =>
  tasks.with({ policy: "remote-first" }).addition(4, 6),
);
await show(`tasks.with({ policy: "auto" }).addition(4, 6)`, ranBy("auto, and a worker is present"), () =>
  tasks.with({ policy: "auto" }).addition(4, 6),
);

heading("Results are validated, and typed");
await show(`tasks.wordCount("Ask, and get the answer.")`, "an object, checked against its schema on both sides", () =>
  tasks.wordCount("Ask, and get the answer."),
);
await show(`tasks.quote([{ sku: "book-1", quantity: 2 }])`, "validUntil traveled as text and is a Date again", () =>
  tasks.quote([{ sku: "book-1", quantity: 2 }]),
);

heading("Arguments are validated before anything is sent");
await show(`tasks.addition("four" as never, 6)`, "types were overruled, the gate was not", () =>
  tasks.addition("four" as never, 6),
);

heading("Declared errors are data");
await show(`tasks.division(1, 0)`, "rejects with the error that the contract declares", () => tasks.division(1, 0));
await show(
  `tasks.safe.division(1, 0).then((answer) => !answer.ok && answer.error.data)`,
  "`safe` never rejects; `data` is typed by the error's name",
  () => tasks.safe.division(1, 0).then((answer) => !answer.ok && answer.error.data),
);

heading("An invalid result never reaches the caller");
await show(`tasks.asynchronous(5)`, "the worker's handler gave a text for a number: caught there, told at once", () =>
  tasks.asynchronous(5),
);

heading("Calls can be submitted, and their answers fetched by id");
const handle = await tasks.with({ delayMs: 50 }).submit.division(1, 8);
await show(`(await handle.status()).state`, "submitted with delayMs: 50", async () => (await handle.status()).state);
await show(`tasks.client.handle("division", handle.id).result()`, "from any process that knows the id", () =>
  tasks.client.handle("division", handle.id).result(),
);

await tasks.client.close();
await stage.close();
console.log("\nDone. Next: contracts/math.ts, examples/handlers/math.ts, and the README's tour.");
