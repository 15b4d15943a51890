import fc from "fast-check";
import { createWorker, type Task, task } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { scheduleFaults } from "../../generator/schedule.ts";
import { type Open, reportedOnBrokers } from "./reported.ts";

const accepting = {
  unknown: z.unknown(),
  any: z.any(),
  union: z.union([z.string(), z.undefined()]),
  void: z.void(),
  coerced: z.coerce.string(),
};

type Answers = Record<string, unknown>;
type Face = Record<string, (...args: unknown[]) => Promise<Answers>> & { with(options: object): Face };

/** A task of each of some schemas, alone and between others, whose handler answers with its params. */
function openTasks(open: Open) {
  const tasks = Object.fromEntries(
    Object.entries(accepting).flatMap(([name, schema]) => [
      [name, task({ params: { v: schema }, result: z.any() })],
      [
        `${name}Within`,
        task({ params: { d: z.number().default(7), v: schema, o: z.string().optional() }, result: z.any() }),
      ],
    ]),
  );
  const scheduled = task({
    params: { v: z.unknown(), d: z.number().default(7) },
    result: z.any(),
    schedule: { everyMs: 50, params: { v: undefined } },
  });
  const names = [...Object.keys(tasks), "scheduled"];
  const declared: Record<string, Task> = { ...tasks, scheduled };
  const contract = contractOf("undefined-arguments", declared, names);
  const occurrences: unknown[] = [];
  const handlers = Object.fromEntries(
    names.map((name) => [
      name,
      (params: unknown) => {
        if (name === "scheduled") occurrences.push(params);
        return params;
      },
    ]),
  );
  const implementations = [implement(contract, handlers)];
  const worker = createWorker({ broker: open(), implementations });
  const running = worker.run();
  const client = createClient<Face & { client: { close(): Promise<void> } }>(
    { shape: "flat", contracts: [contract] },
    { broker: open(), implementations },
  );
  onTestFinished(async () => {
    await client.client.close();
    await worker.stop();
    await running;
  });
  return { client, occurrences };
}

reportedOnBrokers(
  "C2",
  "undefined is a value to a param that takes it",
  async ({ open, got }) => {
    const { client, occurrences } = openTasks(open);
    const seen: Record<string, unknown> = {};
    for (const policy of ["local-only", "remote-only"]) {
      const tasks = client.with({ policy });
      for (const name of Object.keys(accepting)) {
        seen[`${policy} ${name}`] = await tasks[name]!(undefined).catch(String);
        seen[`${policy} ${name}Within`] = await tasks[`${name}Within`]!(undefined, undefined, undefined).catch(String);
      }
    }
    await expect.poll(() => occurrences.length, { timeout: 10_000 }).toBeGreaterThan(0);
    got(`${Object.values(seen).filter((one) => typeof one === "object").length} of 20 answered`);
    for (const policy of ["local-only", "remote-only"]) {
      for (const name of Object.keys(accepting)) {
        const v = name === "coerced" ? "undefined" : undefined;
        expect(seen[`${policy} ${name}`]).toStrictEqual({ v });
        expect(seen[`${policy} ${name}Within`]).toStrictEqual({ d: 7, v });
      }
    }
    expect(occurrences[0]).toStrictEqual({ v: undefined, d: 7 });
  },
  60_000,
);

const kinds = {
  ...accepting,
  string: z.string(),
  optional: z.string().optional(),
  exact: z.string().exactOptional(),
  default: z.number().default(1),
  prefault: z.string().prefault("p"),
  caught: z.string().catch("c"),
  preprocessed: z.preprocess((value) => value ?? "given", z.string()),
  nullish: z.string().nullish(),
  literal: z.literal(["a", undefined]),
  branded: z.unknown().brand("B"),
};

test("whatever is given as undefined, or not given, is what zod makes of an absent key or of the value", async () => {
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  const given = fc.record({
    params: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
    values: fc.array(fc.constantFrom(undefined, "a", 3), { maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ params, values }) => {
      const args = values.slice(0, params.length);
      const shape = Object.fromEntries(params.map((kind, index) => [`p${index}`, kinds[kind]]));
      const contract = contractOf("p", { f: task({ params: shape, result: z.any() }) }, ["f"]);
      const implementations = [implement(contract, { f: (params: unknown) => params })];
      const client = createClient<Face>(
        { shape: "flat", contracts: [contract] },
        { broker: "memory:p", implementations },
      );
      const entries = params.flatMap((kind, index): [string, unknown][] => {
        const isLeftOut =
          args[index] === undefined &&
          kinds[kind].safeParse(undefined).success &&
          z.object({ v: kinds[kind] }).safeParse({}).success;
        return isLeftOut || (args[index] === undefined && kind === "exact") ? [] : [[`p${index}`, args[index]]];
      });
      const wanted = z.object(shape).safeParse(Object.fromEntries(entries));
      const answer = await client.with({ policy: "local-only" }).f!(...args).catch(() => "refused");
      expect(answer).toStrictEqual(wanted.success ? wanted.data : "refused");
    }),
  );
});

test("the generator and the workers agree on a schedule that leaves such a param out", () => {
  expect(scheduleFaults({}, { v: z.unknown() })).toEqual([]);
  expect(scheduleFaults({}, { v: z.string() })[0]?.reason).toContain("params.v");
});
