/* What `implement….partial` is for TypeScript. Checked by `npm run check:types`; it is never run. */
import { createWorker } from "taskpact";
import { runTask } from "taskpact/testing";
import {
  createTasks,
  implementMath,
  type MathHandlers,
  type MathImplementation,
  type Tasks,
} from "../generated/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

/** Handlers have the types that they have in the whole. */
export const one = implementMath.partial({
  division: ({ dividend, divisor }, context) => {
    prove<Same<[typeof dividend, typeof divisor], [number, number]>>();
    prove<Same<typeof context.tasks, Tasks>>();
    prove<Same<typeof context.dependencies, {}>>();
    // @ts-expect-error: its data is { dividend: number }
    if (divisor < 0) throw context.errors.divisionByZero({ dividend: "1" });
    if (divisor === 0) throw context.errors.divisionByZero({ dividend });
    return dividend / divisor;
  },
});
prove<Same<typeof one, MathImplementation>>();

// @ts-expect-error: there is no such task
implementMath.partial({ addition: () => 1, multiplication: () => 1 });
// @ts-expect-error: it gives a number
implementMath.partial({ addition: () => "1" });
// @ts-expect-error: a task that is named has a handler
implementMath.partial({ addition: undefined });
// @ts-expect-error: the whole has all handlers
implementMath({ addition: () => 1 });

/** Dependencies are those of the whole. */
declare function connect(): Promise<{ rate(): Promise<number> }>;
export const dependent = implementMath.partial(
  {
    addition: ({ a }, { dependencies }) => {
      // @ts-expect-error: nothing of that name was opened
      void dependencies.cache;
      return a > 0 ? dependencies.database.rate() : 0;
    },
  },
  { dependencies: async () => ({ database: await connect() }) },
);

/** Handlers that were put together before. */
declare const handlers: Partial<MathHandlers<{ cache: Map<string, number> }>>;
export const before = implementMath.partial(handlers, { dependencies: () => ({ cache: new Map<string, number>() }) });
// @ts-expect-error: what they depend on is not opened
implementMath.partial(handlers);

/** Parts are given as wholes are, and tried as they are. */
createWorker({ broker: "memory:", implementations: [one, dependent] });
createTasks({ broker: "memory:", implementations: [one, dependent] });
void runTask(one, "division", { dividend: 1, divisor: 2 });
