import { readFileSync } from "node:fs";
import { task } from "taskpact";
import { contractOf, createClient, type Registry } from "taskpact/codegen";
import { expect, test } from "vitest";
import * as z from "zod";
import type { TaskDescription } from "taskpact";
import { createTasks } from "../generated/index.ts";
import { version } from "../runtime/version.ts";

test("tasks are described by their contracts, with their docs", async () => {
  const tasks = createTasks({ broker: "memory:describe" });
  const all = await tasks.client.describeTasks();
  expect(all.map(({ task }) => task)).toEqual(all.map(({ task }) => task).toSorted());
  expect(all.find(({ task }) => task === "addition")).toEqual({
    task: "addition",
    name: "math.addition",
    doc: "Adds two numbers.",
    queue: "math",
    policy: "local-first",
    schedule: undefined,
    tags: [],
    params: ["a", "b"],
    schemas: {
      params: {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: { a: { type: "number", default: 0 }, b: { type: "number", default: 0 } },
      },
      result: { $schema: "https://json-schema.org/draft/2020-12/schema", type: "number" },
      errors: {},
      progress: undefined,
    },
  });
  const division = all.find(({ task }) => task === "division");
  expect(division?.schemas.errors["divisionByZero"]).toMatchObject({ required: ["dividend"] });
  await tasks.client.close();
});

test("every type that is carried has a schema", async () => {
  const declared = {
    everything: task({
      params: {
        date: z.date(),
        big: z.bigint(),
        map: z.map(z.string(), z.number()),
        set: z.set(z.string()),
        bytes: z.instanceof(Uint8Array),
        absent: z.undefined(),
        any: z.any(),
        text: z.string().transform((text) => text.length),
      },
      result: z.void(),
      policy: "remote-only",
      tags: ["billing"],
      schedule: undefined,
    }),
  };
  const registry: Registry = { shape: "flat", contracts: [contractOf("c", declared, ["everything"])] };
  const { client } = createClient<{
    client: { describeTasks(): Promise<readonly TaskDescription[]>; close(): Promise<void> };
  }>(registry, { broker: "memory:describe" });
  const [described] = await client.describeTasks();
  expect(described).toMatchObject({ doc: undefined, policy: "remote-only", tags: ["billing"] });
  expect(described!.schemas.params["properties"]).toEqual({
    date: { type: "string", format: "date-time", "x-taskpact": "date" },
    big: { type: "integer", "x-taskpact": "bigint" },
    map: { "x-taskpact": "map" },
    set: { "x-taskpact": "set" },
    bytes: { "x-taskpact": "Uint8Array" },
    absent: { "x-taskpact": "undefined" },
    any: {},
    text: { type: "string" },
  });
  expect(described!.schemas.result).toMatchObject({ "x-taskpact": "void" });
  await client.close();
});

test("the version that workers tell is the package's", () => {
  const { version: released } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(version).toBe(released);
});
