/** A shop's orders, with all that goes wrong with them: `npm run example:orders`, maybe with `-- --redis auto`. */
import { randomUUID } from "node:crypto";
import { openStage } from "../stage.ts";
import { createTasks } from "./generated/index.ts";
import { implementations } from "./implementations.ts";

const stage = await openStage(import.meta.url, implementations);
const tasks = createTasks({ broker: stage.broker });

const euros = (cents: number): string => `€${(cents / 100).toFixed(2)}`;
const run = randomUUID().slice(0, 8);
let count = 0;

/** An order with a number of its own. */
function orderOf(customer: string, sku: string, quantity: number, country = "DE") {
  return { number: `${run}-${++count}`, customer, country, lines: [{ sku, quantity }] };
}

type Order = ReturnType<typeof orderOf>;

/** Places an order under its number. @returns how it ended, in words: each declared error has its own data */
async function place(order: Order, onProgress?: (progress: { step: string }) => void): Promise<string> {
  const options = { id: order.number, ...(onProgress && { onProgress }) };
  const answer = await tasks.with(options).safe.place(order);
  if (answer.ok) return `shipped: ${euros(answer.value.cents)}, parcel ${answer.value.parcel}`;
  switch (answer.error.name) {
    case "outOfStock":
      return `out of stock: ${answer.error.data.left} of ${answer.error.data.sku} left`;
    case "paymentDeclined":
      return `payment declined: ${answer.error.data.reason}`;
    case "notDeliverable":
      return `not deliverable: to ${answer.error.data.country}`;
    case "TaskError":
      return `failed: ${answer.error.message}`;
  }
}

/** Shows an order with its steps, and what it left behind. */
async function show(title: string, order: Order): Promise<void> {
  const steps: string[] = [];
  const outcome = await place(order, ({ step }) => void steps.push(step));
  console.log(`\n${title}`);
  if (steps.length > 0) console.log(`  ${steps.join(" → ")}`);
  console.log(`  ${outcome}`);
}

const stockText = async (): Promise<string> => JSON.stringify(await tasks.inventory());

console.log(`A shop on ${stage.description}\nIn stock: ${await stockText()}`);

const first = orderOf("ann", "book", 2);
await show("An order", first);
await show("The same order again, as a page was loaded twice: one call, one answer", first);
const altered = await tasks.with({ id: first.number }).safe.place({ ...first, customer: "bob" });
console.log(`  with another customer: ${altered.ok ? "taken" : altered.error.message}`);

await show(
  "The bank takes the money and then hangs up: it is asked again, and charges once",
  orderOf("unlucky-uma", "mug", 1),
);
await show("More than there is", orderOf("ann", "lamp", 7));
await show("No money: the goods go back", orderOf("poor-paul", "lamp", 2));
await show("The carrier does not go there: money and goods go back", orderOf("ann", "lamp", 1, "AQ"));

console.log("\nEight customers at once, three lamps");
const outcomes = await Promise.all(
  Array.from({ length: 8 }, (_, index) => place(orderOf(`customer-${index}`, "lamp", 1, "NL"))),
);
const shipped = outcomes.filter((outcome) => outcome.startsWith("shipped")).length;
console.log(
  `  ${shipped} shipped, ${outcomes.filter((outcome) => outcome.startsWith("out of stock")).length} out of stock`,
);

const statement = await tasks.statement();
console.log("\nThe bank's statement");
for (const { customer, cents } of statement) console.log(`  ${customer.padEnd(12)} ${euros(cents).padStart(8)}`);
const total = statement.reduce((sum, { cents }) => sum + cents, 0);
console.log(`  ${"in all".padEnd(12)} ${euros(total).padStart(8)} = what was shipped: 2 books, 1 mug, 3 lamps`);
console.log(`In stock: ${await stockText()}`);

await tasks.client.close();
await stage.close();
