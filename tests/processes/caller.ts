/** A caller: asks every question in every way, and says what was wrong and which ids ran here. */
import { math } from "../../examples/handlers/math.ts";
import { text } from "../../examples/handlers/text.ts";
import { timing } from "../../examples/handlers/timing.ts";
import { createTasks } from "../../generated/index.ts";
import { counted } from "./counted.ts";
import { ask, questions, ways } from "./mix.ts";
import { sayLast } from "./say.ts";

const [url = "", namespace = "", calls = "0", first = "0"] = process.argv.slice(2);
const inFlight = 200;
const ran: string[] = [];
const wrong: string[] = [];

process.once("disconnect", () => process.exit(1));
const tasks = createTasks({
  broker: url,
  namespace,
  implementations: [math, text, timing].map((implementation) => counted(implementation, (id) => ran.push(id))),
});

let next = 0;
async function go(): Promise<void> {
  while (next < Number(calls)) {
    const index = next++;
    const way = ways[index % ways.length]!;
    const question = questions[Math.floor(index / ways.length) % questions.length]!;
    try {
      await ask(tasks, way, question, Number(first) + index);
    } catch (error) {
      wrong.push(String(error));
    }
  }
}
await Promise.all(Array.from({ length: inFlight }, go));

// Nobody listens to this queue: here both fall back to this process.
for (const policy of ["remote-first", "auto"] as const) {
  const there = await tasks.with({ policy, fallbackAfterMs: 50 }).safe.asynchronous(0);
  if (!there.ok) wrong.push(`${policy} without a worker: ${there.error.message}`);
}

await tasks.client.close();
sayLast({ wrong, ran });
