/** Calls the worker in the other terminal: `npx tsx -C taskpact-source examples/quickstart/caller.ts`. */
import { createTasks, isDeclared } from "../../generated/index.ts";

const tasks = createTasks({ broker: process.env["TASKPACT_BROKER"] ?? "redis://127.0.0.1:6379" });

console.log("addition(4, 6) =", await tasks.addition(4, 6));

const answer = await tasks.safe.division(1, 0);
if (!answer.ok) console.log("division(1, 0) is", answer.error.message);

try {
  await tasks.with({ policy: "remote-only", timeoutMs: 2_000 }).division(2, 0);
} catch (error) {
  if (!isDeclared(error, "division", "divisionByZero")) throw error;
  console.log("nobody divides", error.data.dividend, "by zero");
}

const handle = await tasks.with({ delayMs: 500, priority: "high" }).submit.division(1, 4);
console.log("submitted", handle.id, "and now", (await handle.status()).state);
console.log("its result:", await handle.result());

await tasks.client.close();
