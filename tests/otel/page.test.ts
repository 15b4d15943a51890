import { spawnSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contractHead, temporaryProject } from "../temporary-project.ts";

const page = readFileSync(new URL("../../docs/telemetry.md", import.meta.url), "utf8");

/** The files that the page shows, by the paths in their first lines. */
const files = Object.fromEntries(
  [...page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, path = "", text = ""]) => [path, text]),
);

test("the page's program compiles, and tells the spans and metrics that the page names", { timeout: 120_000 }, () => {
  const project = temporaryProject({
    ...files,
    "contracts/math.ts": `${contractHead}export const addition = task({ params: { a: z.number(), b: z.number() }, result: z.number() });\n`,
    "handlers/math.ts":
      'import { implementMath } from "../generated/index.ts";\nexport const math = implementMath({ addition: ({ a, b }) => a + b });\n',
  });
  const packages = join(import.meta.dirname, "../../node_modules/@opentelemetry");
  symlinkSync(packages, join(project.root, "node_modules/@opentelemetry"));
  expect(project.gen()).toMatchObject({ status: 0, stderr: "" });
  expect(project.typeCheck().stdout).toBe("");
  const tsx = ["--import", import.meta.resolve("tsx"), "-C", "taskpact-source"];
  const ran = spawnSync(process.execPath, [...tsx, join(project.root, "main.ts")], {
    cwd: project.root,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, TASKPACT_LOG: "silent" },
  });
  expect(ran).toMatchObject({ status: 0, stderr: "" });
  const ids = (name: string): readonly string[] => {
    const pattern = new RegExp(`traceId: '(\\w+)',(?:(?!traceId:)[^])*?name: '${name}'`);
    return pattern.exec(ran.stdout)?.slice(1) ?? [];
  };
  const [checkout, call, attempt] = ["checkout", "call math.addition", "process math.addition"].map(ids);
  expect(checkout).toHaveLength(1);
  expect([call, attempt]).toEqual([checkout, checkout]);
  const metrics = [...ran.stdout.matchAll(/name: '(messaging\.[\w.]+)'/g)].map(([, name]) => name!);
  const named = [...page.matchAll(/^\| `(messaging\.[\w.]+)` \| (?:counter|histogram)/gm)].map(([, name]) => name!);
  expect(metrics.toSorted()).toEqual(named.toSorted());
  expect(named).toHaveLength(4);
});
