import { $ZodObject, toJSONSchema } from "zod/v4/core";
import type { Schema } from "./contract.ts";
import type { Declaration } from "./declaration.ts";
import type { JsonSchema, TaskDescription } from "./overview.ts";

/*
 * Descriptions of tasks. Loaded by those who ask: the writer of JSON Schemas is nothing that a client needs to call.
 */

/** Describes tasks, in the order of their names. @param docs - by the names on the wire. */
export function describe(
  declarations: ReadonlyMap<string, Declaration>,
  docs: { readonly [name: string]: string },
): readonly TaskDescription[] {
  const names = [...declarations.keys()].toSorted();
  return names.map((task) => description(task, declarations.get(task)!, docs));
}

function description(task: string, declared: Declaration, docs: { readonly [name: string]: string }): TaskDescription {
  const { name, queue, paramNames } = declared;
  const { policy, schedule, tags } = declared.task;
  return {
    task,
    name,
    doc: docs[name],
    queue,
    policy: policy ?? "local-first",
    schedule,
    tags: tags ?? [],
    params: paramNames,
    schemas: schemasOf(declared),
  };
}

/** The JSON Schemas of a task. */
export function schemasOf({ task: { params, result, errors, progress } }: Declaration): TaskDescription["schemas"] {
  return {
    // What goes to a handler is given on its schema's input side, and what comes from it is read on its output side.
    params: jsonSchema(new $ZodObject({ type: "object", shape: params }), "input"),
    result: jsonSchema(result, "output"),
    errors: Object.fromEntries(Object.entries(errors).map(([error, schema]) => [error, jsonSchema(schema, "output")])),
    progress: progress === undefined ? undefined : jsonSchema(progress, "output"),
  };
}

/** What JSON Schema has no word for, by zod's names. */
const told: ReadonlySet<string> = new Set([
  "bigint",
  "custom",
  "date",
  "file",
  "function",
  "map",
  "nan",
  "promise",
  "set",
  "symbol",
  "undefined",
  "void",
]);

function jsonSchema(schema: Schema, io: "input" | "output"): JsonSchema {
  return toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: made }) => {
      const { type } = zodSchema._zod.def;
      if (!told.has(type)) return;
      made["x-taskpact"] = classOf(zodSchema) ?? type;
      if (type === "date") Object.assign(made, { type: "string", format: "date-time" });
      if (type === "bigint") Object.assign(made, { type: "integer" });
    },
  });
}

/** The class of `z.instanceof(Uint8Array)`, which is a custom schema. */
function classOf(schema: Schema): string | undefined {
  const { Class } = schema._zod.bag as { readonly Class?: { readonly name?: string } };
  return Class?.name;
}
