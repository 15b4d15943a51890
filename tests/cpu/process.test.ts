import { expect, onTestFinished, test } from "vitest";
import { inherited } from "../../runtime/cpu/member.ts";
import { loadersOf } from "../../runtime/cpu/loaders.ts";
import { Child } from "../processes/child.ts";

const program = new URL("program.ts", import.meta.url);

test("pools read TypeScript as their process does, and keep none", { timeout: 30_000 }, async () => {
  const child = new Child(program, []);
  onTestFinished(() => child.kill());
  const [here, there, apart] = (await child.said()) as string[];
  expect(here).toMatch(`${child.pid}/`);
  expect(there).toMatch(`${child.pid}/`);
  expect(here).not.toBe(there);
  expect(apart).not.toContain(String(child.pid));
  await child.ended();
});

test("a pool's processes end with their worker's, however it ends", { timeout: 30_000 }, async () => {
  const child = new Child(program, ["stays"]);
  onTestFinished(() => child.kill());
  const pid = Number(((await child.said()) as string[])[2]!.split("/")[0]);
  expect(process.kill(pid, 0)).toBe(true);
  await child.kill();
  const isGone = (): boolean => {
    try {
      return !process.kill(pid, 0);
    } catch {
      return true;
    }
  };
  await expect.poll(isGone, { timeout: 10_000 }).toBe(true);
});

test("processes get Node's options, but no debugger's port and not the text that the program was given", () => {
  const given = ["--import", "tsx", "--inspect-brk=9229", "--input-type=module", "-e", "main()", "-C", "source"];
  expect(inherited(given)).toEqual(["--import", "tsx", "-C", "source"]);
});

test("threads load tsx for TypeScript, where their process was started with it", () => {
  const module = import.meta.url;
  const loaders = [expect.stringContaining("tsx/dist/cjs/api"), expect.stringContaining("tsx/dist/esm/api")];
  expect(loadersOf(module, ["--import", "tsx"])).toEqual(loaders);
  expect(loadersOf(module, ["--import", "file:///x/node_modules/tsx/dist/loader.mjs"])).toEqual(loaders);
  expect(loadersOf(module, ["--import", "./tsxlike.mjs"])).toEqual([]);
  expect(loadersOf(module.replace(/\.ts$/, ".js"), ["--import", "tsx"])).toEqual([]);
  expect(loadersOf("file:///nowhere/x.ts", ["--import", "tsx"])).toEqual([]);
});
