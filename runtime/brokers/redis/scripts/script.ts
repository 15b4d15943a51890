import { createHash } from "node:crypto";
import { constants, type Part, parts } from "./parts.ts";

/** A script of the protocol, as it is loaded into Redis and as it is published. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  /** Its name in Redis. */
  readonly sha: string;
}

/** What a script may do: `allow-oom` runs also where Redis is over its memory limit, as it ends calls or frees memory. */
export type ScriptKind = "allow-oom" | "refusable";

/** Where a script puts what it needs only rarely: a function that makes it, for each definition costs with every run. */
const rareBlock = /^@rarely (.*)\n([^]*?)^@end\n/m;

/**
 * Makes a script of its body and of those parts of the common library that it uses, directly or through others.
 *
 * A block between `@rarely a, b` and `@end` becomes a function `rarely()`, which defines what is in it, and the parts
 * that it uses, and returns a table of a and b. It has parts of its own, for each local that a function takes from around
 * it costs with every run, too; those of which there can be only one it shares.
 */
export function script(name: string, kind: ScriptKind, body: string): Script {
  const [block = "", returned = "", rare = ""] = rareBlock.exec(body) ?? [];
  const often = partsOf(body.replace(block, ""));
  const shared = often.filter(({ once }) => once);
  const inBlock = partsOf(`${rare}\n${returned}`, shared);
  const table = returned.split(", ").map((one) => `${one} = ${one}`);
  const made = `local function rarely()\n${textOf(inBlock)}${rare}return { ${table.join(", ")} }\nend\n`;
  const code = textOf(often) + (block === "" ? body : body.replace(block, () => made));
  const lua = `${kind === "allow-oom" ? "#!lua flags=allow-oom" : "#!lua"}\n${withNumbers(code)}`;
  return { name, lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/** Puts numbers where the code has the names of constants; what they are stands beside them. */
function withNumbers(code: string): string {
  return code.replaceAll(/--.*$|'[^'\n]*'|\b[A-Z_]{2,}\b/gm, (found) =>
    found in constants ? `${constants[found]}--[[${found}]]` : found,
  );
}

/** The parts of the library that some code uses, in their order, without those that it has. */
function partsOf(code: string, had: readonly Part[] = []): readonly Part[] {
  const used: Part[] = [];
  // From the last part to the first, as each uses only those before it.
  for (const part of parts.toReversed()) {
    if (!had.includes(part) && uses(code + textOf(used), definedBy(part))) used.unshift(part);
  }
  return used;
}

function textOf(some: readonly Part[]): string {
  return some.map(({ lua }) => lua).join("");
}

/** The names that a part of the library defines. */
function definedBy({ lua }: Part): readonly string[] {
  return [...lua.matchAll(/^local (?:function )?(\w+(?:, \w+)*)/gm)].flatMap(([, names]) => names!.split(", "));
}

function uses(lua: string, names: readonly string[]): boolean {
  return new RegExp(`(?<![.'\\w])(?:${names.join("|")})\\b`).test(lua.replaceAll(/--.*$/gm, ""));
}
