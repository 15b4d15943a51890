import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { testingRules } from "./rules.ts";

describe("taskpact/testing in vitest", () => testingRules(test));

test("taskpact/testing in node:test", { timeout: 60_000 }, () => {
  const fixture = fileURLToPath(new URL("rules.fixture.ts", import.meta.url));
  const args = ["--import", "tsx", "-C", "taskpact-source", "--test", "--test-reporter", "tap", fixture];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 50_000, env });
  const names: string[] = [];
  testingRules((name) => names.push(name));
  const failures = /^ *not ok .*$/gm;
  expect(stdout.match(failures)).toBeNull();
  expect(stdout).toContain(`\n# pass ${names.length}\n`);
});
