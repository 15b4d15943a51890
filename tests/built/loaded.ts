/** What a program loads of the package as it would be published. */
import { readFileSync } from "node:fs";

const hook = `import { writeSync } from "node:fs";
export const load = (url, context, next) => {
  writeSync(2, url + "\\n");
  return next(url, context);
};`;
const register = `import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent(hook)}");`;

/** What has Node tell of each module that it loads, on standard error, in a line of its own. */
export const telling = ["--import", `data:text/javascript,${encodeURIComponent(register)}`] as const;

/** The sources of what was told to be loaded of the package: its files say whose code follows. */
export function sourcesOf(told: string): string[] {
  return [...told.matchAll(/^file:.*\/node_modules\/taskpact\/dist\/.*$/gm)].flatMap(([url]) => {
    const code = readFileSync(new URL(url), "utf8");
    return [...code.matchAll(/^\/\/ (\S+\.ts)$/gm)].map(([, source]) => source!);
  });
}
