/*
 * What the generated client of this repository's own contracts is for TypeScript. Checked by `npm run check:types`; it is
 * never run.
 */
import {
  createTasks,
  implementMath,
  implementOrders,
  implementText,
  isDeclared,
  type Tasks,
} from "../generated/index.ts";
import type { Context } from "taskpact";
import type { Handlers, Signature, SubmitCalls } from "../runtime/codegen.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

const tasks = createTasks({ broker: "memory:" });

export async function calls(): Promise<void> {
  const sum = await tasks.addition(4, 6);
  prove<Same<typeof sum, number>>();
  await tasks.addition();
  await tasks.addition(undefined, 6);
  // @ts-expect-error: the first parameter is a number
  await tasks.addition("4");
  // @ts-expect-error: there are two parameters
  await tasks.addition(1, 2, 3);
  // @ts-expect-error: both are required
  await tasks.division(1);
  // @ts-expect-error: there is no such task
  await tasks.multiplication(1, 2);
}

export async function answers(): Promise<void> {
  const answer = await tasks.safe.division(1, 0);
  if (answer.ok) {
    prove<Same<typeof answer.value, number>>();
  } else if (answer.error.name === "divisionByZero") {
    prove<Same<typeof answer.error.data, { dividend: number }>>();
    prove<Same<typeof answer.error.code, "declared">>();
  } else {
    prove<Same<typeof answer.error.name, "TaskError">>();
  }
  try {
    await tasks.division(1, 0);
  } catch (error) {
    if (isDeclared(error, "division", "divisionByZero")) prove<Same<typeof error.data.dividend, number>>();
    // @ts-expect-error: division declares no such error
    isDeclared(error, "division", "overflow");
    // @ts-expect-error: addition declares none
    isDeclared(error, "addition", "divisionByZero");
  }
}

export async function handles(): Promise<void> {
  const handle = await tasks.with({ delayMs: 5, priority: "high" }).submit.division(1, 0);
  prove<Same<Awaited<ReturnType<typeof handle.result>>, number>>();
  for await (const progress of handle.progress()) prove<Same<typeof progress.total, number>>();
  const place = tasks.client.handle("place", "id");
  for await (const { step } of place.progress()) prove<Same<typeof step, "reserving" | "charging" | "confirming">>();
  // @ts-expect-error: there is no such task
  tasks.client.handle("multiplication", "id");
  // @ts-expect-error: options that only submit knows leave nothing to call
  await tasks.with({ delayMs: 5 }).addition(1, 2);
  // @ts-expect-error: what must run here can't be submitted
  await tasks.with({ policy: "local-only" }).submit.addition(1, 2);
}

export const math = implementMath({
  addition: ({ a, b }) => {
    prove<Same<[typeof a, typeof b], [number, number]>>();
    return a + b;
  },
  subtraction: async ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }, context) => {
    // @ts-expect-error: its data is { dividend: number }
    if (divisor < 0) throw context.errors.divisionByZero({ dividend: "1" });
    if (divisor === 0) throw context.errors.divisionByZero({ dividend });
    context.progress({ current: 1, total: 1 });
    return dividend / divisor;
  },
});

export const nesting = implementMath({
  addition: async ({ a, b }, { tasks, parentId, rootId, metadata }) => {
    prove<Same<typeof tasks, Tasks>>();
    prove<Same<[typeof parentId, typeof rootId], [string | undefined, string]>>();
    const { tenant } = metadata;
    prove<Same<typeof tenant, string | undefined>>();
    const answer = await tasks.safe.division(a, b);
    if (!answer.ok && answer.error.name === "divisionByZero") return answer.error.data.dividend;
    const handle = await tasks.with({ cancelWithParent: true, metadata: { tenant: "a" } }).submit.wordCount("a b");
    // @ts-expect-error: it is for what is submitted
    await tasks.with({ cancelWithParent: true }).addition(1, 2);
    // @ts-expect-error: metadata is text
    tasks.with({ metadata: { tenant: 1 } });
    // @ts-expect-error: there is no such task
    void tasks.multiplication(1, 2);
    return (await handle.result()).words;
  },
  subtraction: ({ minuend }, context) => helped(context, minuend),
  division: ({ dividend }, context) => tasks.with({ parent: context }).addition(dividend, 1),
});

/** What takes a handler's context, whatever it is the handler of. */
function helped(context: Context<{}, never, Tasks>, by: number): Promise<number> {
  return context.tasks.addition(by, 1);
}

export const orders = implementOrders({
  place: ({ order }, context) => {
    // A handler gets what the codec made, and gives what it takes.
    prove<Same<typeof order.deliverAfter, Date | undefined>>();
    context.progress({ step: "reserving", linesDone: 0, lines: order.lines.length });
    if (order.payment.method === "invoice") prove<Same<typeof order.payment.dueInDays, 14 | 30>>();
    const now = new Date().toISOString();
    return { id: "1", total: { amount: 1, currency: order.currency }, placedAt: now, deliverAt: now };
  },
  // @ts-expect-error: the wire carries text where the caller reads a date
  quote: ({ currency }) => ({ total: { amount: 1, currency }, byLine: [], validUntil: new Date() }),
  cancelOrder: ({ id }, context) => {
    throw context.errors.unknownOrder({ id });
  },
});

// @ts-expect-error: a handler is missing
export const text = implementText({ wordCount: () => ({ words: 0, characters: 0, lines: 0 }) });

/** A contract of two tasks, one of which runs only where it is called, and which had a third. */
interface Signatures {
  here: Signature<() => Promise<void>, {}>;
  there: Signature<() => Promise<void>, {}>;
}
interface Contract {
  readonly here: unknown;
  readonly there: unknown;
}
interface ContractHandlers extends Handlers<Contract, Signatures> {
  gone?: "✗ task gone was removed from contracts/a.ts - delete this handler";
}
declare const submit: SubmitCalls<Contract, Omit<Signatures, "here">>;

export async function special(): Promise<void> {
  await submit.there();
  // @ts-expect-error: it only runs where it is called
  await submit.here();
}

export const handlers: ContractHandlers = {
  here: () => {},
  there: () => {},
  // @ts-expect-error: it was removed, which the error says
  gone: () => {},
};
