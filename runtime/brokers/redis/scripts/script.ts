import { createHash } from "node:crypto";
import { constants, type Part, parts } from "./parts.ts";

/** A script of the protocol, as it is loaded into Redis and as it is published. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  /** Its name in Redis. */
  readonly sha: string;
  /** Whether it is sent with records, and so waits while many bytes are on their way. */
  readonly bulky: boolean;
}

/** What is known of a script besides its text. */
interface ScriptTraits {
  /** @default false */
  readonly bulky?: boolean;
}

/** What a script may do: `allow-oom` runs also where Redis is over its memory limit, as it ends calls or frees memory. */
export type ScriptKind = "allow-oom" | "refusable";

/** Where a script puts what it needs only rarely: a function that makes it, for each definition costs with every run. */
const rareBlock = /^@rarely (.*)\n([^]*?)^@end\n/m;

/**
 * A script of its body and of those parts of the common library that it uses, directly or through others: made when it is
 * first used, for a process needs a few of them.
 *
 * A block between `@rarely a, b` and `@end` becomes a function `rarely()`, which defines what is in it, and the parts
 * that it uses, and returns a table of a and b. It has parts of its own, for each local that a function takes from around
 * it costs with every run, too; those of which there can be only one it shares.
 */
export function script(name: string, kind: ScriptKind, body: string, { bulky = false }: ScriptTraits = {}): Script {
  let lua: string | undefined;
  let sha: string | undefined;
  return {
    name,
    bulky,
    get lua() {
      return (lua ??= composed(kind, body));
    },
    get sha() {
      return (sha ??= createHash("sha1").update(this.lua).digest("hex"));
    },
  };
}

function composed(kind: ScriptKind, body: string): string {
  const [block = "", returned = "", rare = ""] = rareBlock.exec(body) ?? [];
  const often = partsOf(body.replace(block, ""));
  const shared = often.filter(({ once }) => once);
  const inBlock = partsOf(`${rare}\n${returned}`, shared);
  const table = returned.split(", ").map((one) => `${one} = ${one}`);
  const made = `local function rarely()\n${textOf(inBlock)}${rare}return { ${table.join(", ")} }\nend\n`;
  const code = textOf(often) + (block === "" ? body : body.replace(block, () => made));
  return `${kind === "allow-oom" ? "#!lua flags=allow-oom" : "#!lua"}\n${withNumbers(code)}`;
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
  const words = new Set(wordsOf(code));
  // From the last part to the first, as each uses only those before it.
  for (const part of parts.toReversed()) {
    if (had.includes(part) || !definedBy(part).some((name) => words.has(name))) continue;
    used.unshift(part);
    for (const word of wordsOf(part.lua)) words.add(word);
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

/** The words of some code, but for comments, fields and what a string begins with. */
function wordsOf(lua: string): readonly string[] {
  return lua.replaceAll(/--.*$/gm, "").match(/(?<![.'\w])\w+/g) ?? [];
}
