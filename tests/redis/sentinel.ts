import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryEnv } from "./binary.ts";
import { randomPorts, type RedisServer } from "./server.ts";
import { spawnWatched } from "./watched.ts";

/** Starts a sentinel that watches a server, by this name, and ends with the test. Resolves with its port. */
export async function startSentinel(
  server: RedisServer,
  name: string,
  onTestFinished: (end: () => Promise<void>) => void,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "taskpact-sentinel-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "sentinel.conf");
  for (const port of randomPorts()) {
    const config = [`port ${port}`, "bind 127.0.0.1", `sentinel monitor ${name} 127.0.0.1 ${server.port} 1`, ""];
    await writeFile(file, config.join("\n"));
    const { binary } = server;
    const watched = await spawnWatched(binary.path, [file, "--sentinel"], { folder, env: binaryEnv(binary) });
    const watches = new Promise<boolean>((decide) => {
      watched.onOutput((output) => {
        if (output.includes(`+monitor master ${name}`)) decide(true);
      });
      void watched.ended.then(() => decide(false));
    });
    if (await watches) {
      onTestFinished(async () => {
        watched.signal("SIGKILL");
        await watched.ended;
      });
      return port;
    }
    if (!watched.output().includes("Address already in use"))
      throw new Error(`it ended; its output:\n${watched.output()}`);
  }
  throw new Error("no port is free");
}
