import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isAlive, runScript, type Script, until } from "./child.ts";
import { connectRedis } from "./external.ts";
import { startRedis } from "./server.ts";
import { describeRedis } from "./suite.ts";

function serve(...args: readonly string[]): Script {
  const script = runScript("main.ts", args);
  onTestFinished(async () => {
    script.process.kill("SIGKILL");
    await script.ended;
  });
  return script;
}

/** Its URL, and its pid as it tells itself. */
async function ready(script: Script): Promise<{ readonly url: string; readonly pid: number }> {
  const url = (await script.printed(/redis:\/\/\S+/))[0];
  const redis = await connectRedis(url);
  try {
    await redis.set("a", (await redis.get("a")) ?? "kept");
    return { url, pid: Number(/^process_id:(\d+)/m.exec(await redis.info("server"))?.[1]) };
  } finally {
    redis.disconnect();
  }
}

describeRedis("npm run redis", { timeout: 20_000 }, () => {
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("serves until %s and leaves no process", async (signal) => {
    const script = serve("--port", "0");
    const { pid } = await ready(script);
    expect(script.stdout()).toContain("Stop it with Ctrl-C");
    script.process.kill(signal);
    expect(await script.ended).toEqual([0, null]);
    expect(isAlive(pid)).toBe(false);
  });

  test("killed outright leaves no process either", async () => {
    const script = serve("--port", "0");
    const { pid } = await ready(script);
    expect(isAlive(pid)).toBe(true);
    script.process.kill("SIGKILL");
    await until("the server is gone", () => !isAlive(pid));
  });

  test("fails when its server ends by itself", async () => {
    const script = serve("--port", "0");
    const { pid } = await ready(script);
    process.kill(pid, "SIGKILL");
    expect(await script.ended).toEqual([1, null]);
    expect(script.stderr()).toContain("ended by itself, with exit code 137");
  });

  test("keeps its data where --dir says", async () => {
    const dir = await mkdtemp(join(tmpdir(), "taskpact-test-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const first = serve("--port", "0", "--dir", dir);
    await ready(first);
    first.process.kill("SIGINT");
    await first.ended;
    const second = serve("--port", "0", "--dir", dir);
    const redis = await connectRedis((await ready(second)).url);
    onTestFinished(() => redis.disconnect());
    expect(await redis.get("a")).toBe("kept");
  });

  test("says which Redis has its port", async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const script = serve("--port", String(server.port));
    expect(await script.ended).toEqual([1, null]);
    expect(script.stderr()).toContain(`Port ${server.port} is taken by a Redis ${server.binary.version}`);
  });

  test("says which other program has its port", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const script = serve("--port", String(port));
    expect(await script.ended).toEqual([1, null]);
    expect(script.stderr()).toMatch(
      process.platform === "linux" ? `taken by node, pid ${process.pid}` : "another program",
    );
  });

  test.each([[["--port", "70000"]], [["--prot", "1"]]])("called with %j shows how to call it", async (args) => {
    const script = serve(...args);
    expect(await script.ended).toEqual([2, null]);
    expect(script.stderr()).toContain("npm run redis -- [--port N] [--dir DIR]");
  });
});
