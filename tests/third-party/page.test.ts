import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryProject } from "../temporary-project.ts";

const page = readFileSync(new URL("../../docs/brokers.md", import.meta.url), "utf8");

/** The files that the page shows, by the paths in their first lines. */
const shown = Object.fromEntries(
  [...page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, path = "", text = ""]) => [path, text]),
);

/** The shelf, as the page's reader would have written it. */
const shelf = Object.fromEntries(
  readdirSync(import.meta.dirname)
    .filter((name) => !name.endsWith(".test.ts") && name !== "stage.ts" && name !== "flawed.ts" && name !== "open.ts")
    .map((name) => [`shelf/${name}`, readFileSync(join(import.meta.dirname, name), "utf8")]),
);

/** Opens the registered broker twice, as a client and as its own user, and says what a URL without a path is told. */
const main = `import "./open.ts";
import { createTasks } from "./generated/index.ts";
import { ShelfServer } from "./shelf/server.ts";
const server = await ShelfServer.start(process.argv[2]!);
const tasks = createTasks({ broker: "shelf://" + server.path });
const handle = await tasks.submit.greeting("you");
console.log((await handle.status()).state);
await tasks.client.close();
try {
  createTasks({ broker: "shelf:" });
} catch (error) {
  console.log((error as Error).message);
}
await server.stop();
`;
const contract = `import { task } from "taskpact";
import * as z from "zod";
export const greeting = task({ params: { name: z.string() }, result: z.string() });
`;

test("the page's broker is registered, judged and used as it stands there", { timeout: 120_000 }, () => {
  expect(Object.keys(shown)).toEqual(["open.ts", "conformance.test.ts"]);
  const project = temporaryProject({ ...shown, ...shelf, "main.ts": main, "contracts/greet.ts": contract });
  expect(project.gen()).toMatchObject({ status: 0, stderr: "" });
  expect(project.typeCheck().stdout).toBe("");
  const node = (...args: readonly string[]) =>
    spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), "-C", "taskpact-source", ...args], {
      cwd: project.root,
      encoding: "utf8",
      timeout: 100_000,
    });
  const ran = node("main.ts", join(project.root, "shelf.sock"));
  expect(ran.stderr).toBe("");
  expect(ran.stdout).toBe(`queued\n[invalid_argument] a shelf's URL is "shelf:///path/of/its.sock"\n`);
  const judged = node("--test-name-pattern=^(submit|locks|what it offers):", "conformance.test.ts");
  expect(judged.stdout).toMatch(/^. fail 0$/m);
  expect(judged.stdout).toMatch(/^. pass [1-9]\d*$/m);
  expect(judged.stdout).toContain("this broker has no locks");
});
