import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { filesPublished, publishedFiles, publishedFolder } from "../../docs/scripts/publish.ts";

const remedy = "the published scripts are out of step with the code: run `npm run scripts` and commit docs/scripts";

test("docs/scripts holds each script of the protocol and nothing else", async () => {
  const names = [...publishedFiles.keys()].sort();
  if ((await filesPublished()).join() !== names.join()) expect.fail(remedy);
});

test.each([...publishedFiles])("docs/scripts/%s is what Taskpact loads, byte for byte", async (name, lua) => {
  const published = await readFile(new URL(name, publishedFolder), "utf8").catch(() => "(it is missing)");
  if (published !== lua) expect.fail(remedy);
});

test.each([...publishedFiles])("%s says what it takes and returns", (_, lua) => {
  expect(lua).toMatch(/^#!lua/);
  expect(lua).toContain("-- KEYS[1] -> <namespace>:{<queue>}:queue");
  expect(lua).toContain("-- ARGV[1] -> clock offset, ms");
  expect(lua).toMatch(/^-- Returns /m);
});
