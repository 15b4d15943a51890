import { createHash } from "node:crypto";
import { parts } from "./parts.ts";

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
 * that only it uses, and returns a table of a and b.
 */
export function script(name: string, kind: ScriptKind, body: string): Script {
  const [block = "", returned = "", rare = ""] = rareBlock.exec(body) ?? [];
  const often = partsOf(body.replace(block, ""));
  const inBlock = partsOf(`${often.join("")}${rare}\n${returned}`).filter((part) => !often.includes(part));
  const table = returned.split(", ").map((one) => `${one} = ${one}`);
  const made = `local function rarely()\n${inBlock.join("")}${rare}return { ${table.join(", ")} }\nend\n`;
  const code = often.join("") + (block === "" ? body : body.replace(block, () => made));
  const lua = `${kind === "allow-oom" ? "#!lua flags=allow-oom" : "#!lua"}\n${code}`;
  return { name, lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/** The parts of the library that some code uses, in their order. */
function partsOf(code: string): readonly string[] {
  const used: string[] = [];
  // From the last part to the first, as each uses only those before it.
  for (const part of parts.toReversed()) {
    if (uses([code, ...used].join("\n"), definedBy(part))) used.unshift(part);
  }
  return used;
}

/** The names that a part of the library defines. */
function definedBy(part: string): readonly string[] {
  return [...part.matchAll(/^local (?:function )?(\w+(?:, \w+)*)/gm)].flatMap(([, names]) => names!.split(", "));
}

function uses(lua: string, names: readonly string[]): boolean {
  return new RegExp(`(?<![.'\\w])(?:${names.join("|")})\\b`).test(lua.replaceAll(/--.*$/gm, ""));
}
