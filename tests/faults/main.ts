/** `npm run faults`: the guarantees under real faults. Exit codes: 0 all held, 1 something was violated, 2 called wrongly. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { FaultCase, Result, Scale } from "./case.ts";
import { cases } from "./cases.ts";
import { perform } from "./perform.ts";
import { lineOf, tableOf } from "./report.ts";

const defaultFile = "faults.json";

const usage = `Strikes callers, workers and Redis with faults, and looks whether every accepted call ends, once.

  npm run faults -- [--seed N] [--case NAME]... [--short] [--json FILE]

  --seed N      play the plan of this seed: which calls, who dies, where and when (default: another one each time);
                how the processes' steps fall between each other stays the machine's
  --case NAME   only this case; may be given more than once
  --short       a few seconds of each, as in the tests (in full: about half an hour)
  --json FILE   where the results go (default ${defaultFile})

${cases.map(({ name, done, holds }) => `  ${name}\n      ${done}\n      must hold: ${holds}`).join("\n")}
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const { seed, scale, chosen, file } = options;
  process.stdout.write(`seed ${seed}: play it again with --seed ${seed}\n`);
  const results: Result[] = [];
  for (const fault of chosen) {
    const result = await perform(fault, scale, seed);
    results.push(result);
    process.stdout.write(`${lineOf(result)}\n`);
  }
  process.stdout.write(`\n${tableOf(chosen, results)}\n`);
  await writeFile(file, `${JSON.stringify({ seed, scale, results }, null, 2)}\n`);
  process.stdout.write(`written to ${file}; seed ${seed}\n`);
  return results.every(({ violations }) => violations.length === 0) ? 0 : 1;
}

interface Options {
  readonly help: boolean;
  readonly seed: number;
  readonly scale: Scale;
  readonly chosen: readonly FaultCase[];
  readonly file: string;
}

/** The options, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
        case: { type: "string", multiple: true, default: [] },
        short: { type: "boolean", default: false },
        json: { type: "string", default: defaultFile },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (!/^\d+$/.test(values.seed) || Number(values.seed) >= 2 ** 32)
      return `--seed ${values.seed}: not a whole number below 2^32`;
    const unknown = values.case.find((name) => !cases.some((one) => one.name === name));
    if (unknown !== undefined) return `--case ${unknown}: there is no such case`;
    return {
      help: values.help,
      seed: Number(values.seed),
      scale: values.short ? "short" : "full",
      chosen: values.case.length === 0 ? cases : cases.filter(({ name }) => values.case.includes(name)),
      file: values.json,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
