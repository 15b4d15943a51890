/* What `context.dependencies` is for TypeScript. Checked by `npm run check:types`; it is never run. */
import { createWorker, type Opening } from "taskpact";
import { runTask } from "taskpact/testing";
import { createTasks, implementMath, type MathHandlers, type Tasks } from "../generated/index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function prove<_Holds extends true>(): void;

interface Database {
  rate(of: string): Promise<number>;
  end(): Promise<void>;
}
declare function connect(): Promise<Database>;

async function open({ onClose }: Opening) {
  const database = await connect();
  onClose(() => database.end());
  return { database };
}

const others = { addition: () => 1, subtraction: () => 2 };

/** From a function that stands on its own. */
export const math = implementMath(
  {
    ...others,
    division: ({ dividend }, context) => {
      prove<Same<typeof dividend, number>>();
      prove<Same<typeof context.dependencies, { database: Database }>>();
      prove<Same<typeof context.tasks, Tasks>>();
      // @ts-expect-error: nothing of that name was opened
      void context.dependencies.cache;
      return context.dependencies.database.rate("x");
    },
  },
  { dependencies: open },
);

/** From one that is written in its place. */
export const inPlace = implementMath(
  { ...others, division: (_, { dependencies }) => dependencies.database.rate("x") },
  { dependencies: async () => ({ database: await connect() }) },
);

/** From one that closes what it opened: its parameter needs its type, for the handlers are read before it. */
export const closing = implementMath(
  { ...others, division: (_, { dependencies }) => dependencies.database.rate("x") },
  {
    dependencies: async ({ onClose }: Opening) => {
      const database = await connect();
      onClose(() => database.end());
      return { database };
    },
  },
);

export const without = implementMath({
  ...others,
  division: ({ dividend }, { dependencies }) => {
    prove<Same<typeof dependencies, {}>>();
    return dividend;
  },
});

/** Handlers that were put together before. */
declare const handlers: MathHandlers<{ database: Database }>;
export const before = implementMath(handlers, { dependencies: open });
// @ts-expect-error: what they depend on is not opened
export const unopened = implementMath(handlers);
// @ts-expect-error: they depend on something else
export const other = implementMath(handlers, { dependencies: () => ({ cache: 1 }) });
// @ts-expect-error: it is a function that opens them
export const opened = implementMath(handlers, { dependencies: { database: connect() } });

/** All are of one kind for a worker and a client. */
createWorker({ broker: "memory:", implementations: [math, without] });
createTasks({ broker: "memory:", implementations: [math, without] });

declare const fake: Database;
void runTask(math, "division", { dividend: 1, divisor: 2 }, { dependencies: { database: fake }, attempt: 2 });
void runTask(without, "division", { dividend: 1, divisor: 2 });
// @ts-expect-error: it depends on something
void runTask(math, "division", { dividend: 1, divisor: 2 });
// @ts-expect-error: on something else
void runTask(math, "division", { dividend: 1, divisor: 2 }, { dependencies: { cache: fake } });
