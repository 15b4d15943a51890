/* What `taskpact/testing` is for TypeScript. Checked by `npm run check:types`; it is never run. */
import type { Implementation } from "taskpact";
import { runTask, testBroker } from "taskpact/testing";
import {
  createTasks,
  type MathHandlers,
  implementMath,
  implementOrders,
  type OrdersHandlers,
} from "../generated/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

declare const mathHandlers: MathHandlers;
declare const ordersHandlers: OrdersHandlers;
const math = implementMath(mathHandlers);
const orders = implementOrders(ordersHandlers);

/** All are of one kind for a worker and a client. */
export const implementations: readonly Implementation[] = [math, orders];

export async function runs(): Promise<void> {
  const sum = await runTask(math, "addition", { a: 4 });
  prove<Same<typeof sum, number>>();
  await runTask(math, "addition", {}, { attempt: 2 });
  // @ts-expect-error: there is no such task
  runTask(math, "multiplication", {});
  // @ts-expect-error: it is a number
  void runTask(math, "addition", { a: "4" });
  // @ts-expect-error: both are required
  void runTask(math, "division", { dividend: 1 });
  // @ts-expect-error: there are two parameters
  void runTask(math, "addition", { c: 1 });

  const place = runTask(orders, "cancelOrder", { id: "x" });
  const answer = await place.answer();
  if (answer.ok) prove<Same<typeof answer.value.canceledAt, Date>>();
  else if (answer.error.name === "alreadyShipped") prove<Same<typeof answer.error.data.shippedAt, Date>>();
  prove<Same<(typeof place.progress)[number], { readonly current: number; readonly total: number }>>();
}

export async function untyped(implementation: Implementation): Promise<void> {
  const value = await runTask(implementation, "anything", { at: 1 });
  prove<Same<typeof value, unknown>>();
}

export function stubs(): void {
  const broker = testBroker();
  const tasks = createTasks({ broker });
  broker.next(tasks, "division").answers(7);
  broker.next(tasks, "division").timesOut();
  broker.next(tasks, "division").fails("divisionByZero", { dividend: 1 });
  broker.next(tasks, "division").fails({ code: "worker_lost" });
  // As the handler gives it: the caller gets a Date.
  broker.next(tasks, "cancelOrder").fails("alreadyShipped", { shippedAt: "2024-01-01T00:00:00Z", carrier: "x" });
  // @ts-expect-error: there is no such task
  broker.next(tasks, "multiplication");
  // @ts-expect-error: it is a number
  broker.next(tasks, "division").answers("7");
  // @ts-expect-error: division declares no such error
  broker.next(tasks, "division").fails("overflow", {});
  // @ts-expect-error: its data is missing
  broker.next(tasks, "division").fails("divisionByZero");
  // @ts-expect-error: its data is of another shape
  broker.next(tasks, "division").fails("divisionByZero", { divisor: 1 });
  // @ts-expect-error: declared errors go by their names
  broker.next(tasks, "division").fails({ code: "declared" });
  // @ts-expect-error: addition declares none
  broker.next(tasks, "addition").fails("divisionByZero", { dividend: 1 });
}
