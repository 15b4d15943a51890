import { describe, expect, it } from "vitest";
import * as mini from "zod/mini";
import * as z from "zod";
import { temporaryProject } from "../tests/temporary-project.ts";
import { corpusFiles, hiddenSchemas, knownSchemas } from "./schema-corpus.ts";
import { schemaMethods, zodFunctions } from "./zod-arguments.ts";

const schemas = [...knownSchemas, ...hiddenSchemas];

describe("schemas as people write them", () => {
  it("are printed where they are known, pointed at where not, and proven", { timeout: 240_000 }, () => {
    const project = temporaryProject(corpusFiles());
    expect(project.gen().stderr).toBe("");
    const generated = project.read("generated/corpus.ts");
    const lineOf = (name: string): string => generated.split("\n").find((line) => line.includes(` ${name}: `)) ?? "";
    const isPointedAt = (_schema: string, index: number): boolean => /typeof contract/.test(lineOf(`s${index}`));
    // Compared as lists, so that a failure names all of them.
    expect(schemas.filter((schema, index) => isPointedAt(schema, index))).toEqual(hiddenSchemas);
    const proven = project.read("generated/conformance.ts").split("\n");
    const contract = project.read("contracts/corpus.ts").split("\n");
    const told = project
      .typeCheck()
      .stdout.replaceAll(
        /^(\S+?)\((\d+),.*/gm,
        (text, file: string, line: string) =>
          `${text}\n  ${(file.endsWith("conformance.ts") ? proven : contract)[Number(line) - 1]}`,
      );
    expect(told).toBe("");
  });
});

/** Functions of zod that make no schemas, or whose types are not looked into. */
const leftOut =
  /^(Zod|_Zod|\$|_function$|function$|transform$|promise$|check$|refine$|superRefine$|describe$|meta$|clone$|config$|registry$|compile$|deepPartial$|fromJSONSchema$|invertCodec$|input$|output$|memoizer$|toZod$|withParser$|toJSONSchema$|(get|set)ErrorMap$|getDiscriminatedOption$|\w*(parse|encode|decode|validate|error)(Async)?$|property$|properties$|mime$|overwrite$|normalize$|trim$|slugify$|to(Lower|Upper)Case$|(lower|upper)case$|includes$|(starts|ends)With$|regex$|(min|max)?(imum)?(Length|Size|length|size)?$|[gl]te?$|multipleOf$|(non)?(positive|negative)$)/i;

describe("the lists of zod's functions", () => {
  it("hold each that makes a schema, of zod and of zod/mini", () => {
    const functions = [z, mini].flatMap((zod) =>
      Object.entries(zod).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
    );
    const unknown = functions.filter((name) => !zodFunctions.has(name) && !leftOut.test(name));
    expect([...new Set(unknown)]).toEqual([]);
  });

  it("name none that zod does not have", () => {
    const all: Readonly<Record<string, unknown>> = { ...mini, ...z };
    const found = (path: string): unknown =>
      path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], all);
    expect([...zodFunctions.keys()].filter((path) => typeof found(path) !== "function")).toEqual([]);
    const made = [z.string(), z.number(), z.date(), z.file(), z.object({}), z.tuple([]), z.enum(["a"]), z.set(z.any())];
    const wrapped = [z.any().default(1), z.any().catch(1), z.bigint()];
    const isMethod = (name: string): boolean => [...made, ...wrapped].some((schema) => name in schema);
    expect([...schemaMethods.keys()].filter((name) => !isMethod(name))).toEqual([]);
  });
});
