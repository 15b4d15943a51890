/**
 * What runs in one process and is measured from outside or in it: `alone.js start <url>` makes one call and tells when it is
 * answered, `alone.js zod` when zod is imported, `alone.js nothing` at once; `alone.js local` tells what a call costs that
 * runs here, beside the bare parses of zod. Each imports what it needs, so that nothing else is measured with it.
 */
const [what, broker = "memory:"] = process.argv.slice(2);

if (what === "start") {
  const { createTasks } = await import("../generated/index.ts");
  const tasks = createTasks({ broker });
  if ((await tasks.addition(4, 6)) !== 10) throw new Error("4 + 6 was answered wrongly");
  process.send?.({});
  await tasks.client.close();
} else if (what === "zod") {
  await import("zod");
  process.send?.({});
} else if (what === "local") {
  await local();
} else {
  process.send?.({});
}
process.disconnect?.();

async function local(): Promise<void> {
  const [z, { createTasks, implementMath }] = await Promise.all([import("zod"), import("../generated/index.ts")]);
  const math = implementMath({
    addition: ({ a, b }) => a + b,
    subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
    division: ({ dividend, divisor }) => dividend / divisor,
  });
  const tasks = createTasks({ broker: "memory:", implementations: [math] });
  const params = z.object({ a: z.number().default(0), b: z.number().default(0) });
  const result = z.number();
  // What the gates of a local call check: what is given and what is returned, each once.
  const parse = (a: number, b: number): number => {
    const given = params.parse({ a, b });
    return result.parse(given.a + given.b);
  };
  const calls = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) if ((await tasks.addition(n, 2)) !== n + 2) throw new Error("wrong");
  };
  const parses = (count: number): void => {
    for (let n = 0; n < count; n++) if (parse(n, 2) !== n + 2) throw new Error("wrong");
  };
  const cost = async (run: (count: number) => Promise<void> | void): Promise<number> => {
    const count = 200_000;
    await run(count);
    const start = performance.now();
    await run(count);
    return (1_000 * (performance.now() - start)) / count;
  };
  process.send?.({ callUs: await cost(calls), parsesUs: await cost(parses) });
  await tasks.client.close();
}
