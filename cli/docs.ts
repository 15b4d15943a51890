import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { docsName } from "../generator/emit-docs.ts";
import { generatedFolder, type Project } from "./project.ts";

/** What the generated text of a contract says of a task. */
export interface TaskText {
  readonly doc: string | undefined;
  /** `(a?: number, b?: number) => Promise<number>`; undefined where a build has left no declarations. */
  readonly signature: string | undefined;
}

/**
 * The docs and printed types of a contract's tasks, by name. They are in no value: they are read off the file that the
 * generator has written, a line a task, or the declarations that a build has made of it. A build without declarations still
 * has the names and the docs.
 */
export function textsOf(project: Project, contract: string): ReadonlyMap<string, TaskText> {
  const folder = join(project.root, generatedFolder(project));
  const printed = textIn(folder, `${contract}.ts`) ?? textIn(folder, `${contract}.d.ts`);
  return printed === undefined ? builtTexts(folder, contract) : printedTexts(printed);
}

function textIn(folder: string, name: string): string | undefined {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

function printedTexts(text: string): ReadonlyMap<string, TaskText> {
  const tasks = text.matchAll(/^ *(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n *)?"?([\w$]+)"?: Signature<(.*)$/gm);
  return new Map(
    [...tasks].map(([, comment, name = "", rest = ""]) => [name, { doc: docOf(comment), signature: callOf(rest) }]),
  );
}

/** As JavaScript has them, of ES modules or CommonJS: `contractOf("math", declared, ["addition"])`, and the file of the docs. */
function builtTexts(folder: string, contract: string): ReadonlyMap<string, TaskText> {
  const [, list = ""] = /contractOf\)?\("[^"]*", \w+, \[([^\]]*)\]/.exec(textIn(folder, `${contract}.js`) ?? "") ?? [];
  const docs = new Map(
    [...(textIn(folder, `${docsName}.js`) ?? "").matchAll(/^\s*("[^"]+"): ("(?:[^"\\]|\\.)*")/gm)].map(
      ([, name = '""', doc = '""']) => [JSON.parse(name) as string, JSON.parse(doc) as string],
    ),
  );
  return new Map(
    [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => [
      name,
      { doc: docs.get(`${contract}.${name}`), signature: undefined },
    ]),
  );
}

function docOf(comment: string | undefined): string | undefined {
  return comment
    ?.split("\n")
    .map((line) => line.replace(/^\s*\* ?/, "").trim())
    .join("\n")
    .trim();
}

/** The names of the parameters in a {@link TaskText.signature}. */
export function paramsOf(signature: string): readonly string[] {
  const names: string[] = [];
  for (let rest = signature.slice(1); ;) {
    const [, name] = /^\s*([\w$]+)\??:/.exec(rest) ?? [];
    if (name === undefined) return names;
    names.push(name);
    rest = rest.slice(callOf(rest).length + 1);
  }
}

/** The first of the type arguments: up to the comma, or the end, that stands in no brackets and no text. */
function callOf(text: string): string {
  let depth = 0;
  let quote: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!;
    if (quote !== undefined) {
      if (sign === "\\") at += 1;
      else if (sign === quote) quote = undefined;
    } else if (`"'\``.includes(sign)) quote = sign;
    else if ("([{<".includes(sign)) depth += 1;
    else if (sign === ">" && text[at - 1] === "=") continue;
    else if (")]}>".includes(sign)) depth -= 1;
    if (depth < 0 || (depth === 0 && quote === undefined && sign === ",")) return text.slice(0, at);
  }
  return text;
}
