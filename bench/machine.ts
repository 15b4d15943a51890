import { cpus, loadavg, totalmem, type as system, release } from "node:os";
import type { Lab } from "./lab.ts";

/** Where a run was taken: figures of two machines can't be compared, ratios can. */
export async function describeMachine(lab: Lab): Promise<string> {
  const [cpu] = cpus();
  const version = /^(?:valkey|redis)_version:(\S+)/m.exec(await lab.redis.info("server"))?.[1] ?? "?";
  return [
    `${cpus().length} × ${cpu?.model.trim() ?? "?"}`,
    `${Math.round(totalmem() / 2 ** 30)} GB`,
    `${system()} ${release()}`,
    `Node ${process.version}`,
    `Redis ${version} on 127.0.0.1, without persistence`,
    `load before the run ${loadavg()[0]?.toFixed(1)}`,
  ].join(", ");
}
