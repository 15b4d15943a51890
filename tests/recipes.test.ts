import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryProject } from "./temporary-project.ts";

const page = readFileSync(new URL("../docs/recipes.md", import.meta.url), "utf8");

/** The files that the page shows, by the paths in their first lines. */
const files = Object.fromEntries(
  [...page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, path = "", text = ""]) => [path, text]),
);

/** Calls what the recipe shows, and says what came of it. */
const main = `import { createTasks } from "./generated/index.ts";
import { archives } from "./handlers/archives.ts";
import { run } from "./shell.ts";

const tasks = createTasks({ broker: "memory:", implementations: [archives] });
const heard: string[] = [];
const onProgress = ({ file }: { readonly file: string }) => heard.push(file);
const packed = await tasks.with({ onProgress }).pack("handlers", "handlers.tar");
const answer = await tasks.safe.pack("nowhere", "nothing.tar");
if (answer.ok || answer.error.name !== "exited") throw new Error("tar found nowhere");
const late = await run("sh", ["-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], AbortSignal.timeout(500)).catch(
  (error: Error) => error.name,
);
const missing = await run("no-such-program", [], new AbortController().signal).catch((error: Error) => error.message);
console.log(JSON.stringify({ packed, heard, error: answer.error.data, late, missing }));
await tasks.client.close();
`;

describe("the recipes", { timeout: 60_000 }, () => {
  it("run a command with its progress, its errors and its signal", () => {
    const project = temporaryProject({ ...files, "main.ts": main });
    const gen = project.gen();
    expect(gen).toMatchObject({ status: 0, stderr: "" });
    const types = project.typeCheck();
    expect(types.stdout).toBe("");
    const tsx = ["--import", import.meta.resolve("tsx"), "-C", "taskpact-source"];
    const ran = spawnSync(process.execPath, [...tsx, join(project.root, "main.ts")], {
      cwd: project.root,
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(ran.stderr).toBe("");
    const { packed, heard, error, late, missing } = JSON.parse(ran.stdout) as Record<string, unknown>;
    expect(packed).toEqual({ files: 2 });
    expect(heard).toEqual(["handlers/", "handlers/archives.ts"]);
    expect(error).toMatchObject({ code: 2, stderr: expect.stringContaining("nowhere") as string });
    expect([late, missing]).toEqual(["AbortError", "spawn no-such-program ENOENT"]);
    expect(project.has("handlers.tar")).toBe(true);
  });
});
