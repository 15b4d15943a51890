import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { startRedis } from "../../tests/redis/server.ts";
import { describeRedis } from "../../tests/redis/suite.ts";

const program = (name: string) => [
  "--import",
  "tsx",
  "--conditions=taskpact-source",
  fileURLToPath(new URL(name, import.meta.url)),
];

describeRedis("the quickstart", () => {
  it("runs in two terminals, and its worker ends when it is told to", { timeout: 60_000 }, async () => {
    await using redis = await startRedis();
    const env = { ...process.env, TASKPACT_BROKER: redis.url };
    const worker = spawn(process.execPath, program("worker.ts"), { env, stdio: "ignore" });
    const exited = once(worker, "exit");
    try {
      const { stdout } = await promisify(execFile)(process.execPath, program("caller.ts"), { env, timeout: 30_000 });
      expect(stdout).toContain("addition(4, 6) = 10\n");
      expect(stdout).toContain("division(1, 0) is [declared] math.division: divisionByZero\n");
      expect(stdout).toContain("nobody divides 2 by zero\n");
      expect(stdout).toContain("and now delayed\n");
      expect(stdout).toContain("its result: 0.25\n");
    } finally {
      worker.kill("SIGINT");
    }
    expect(await exited).toEqual([0, null]);
  });
});
