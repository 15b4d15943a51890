import { dirname } from "node:path";
import { startRedis } from "./server.ts";

/** A runner that starts a server and never stops it: its test kills it. */
const server = await startRedis();
process.stdout.write(`${JSON.stringify({ pid: server.pid, folder: dirname(server.socketPath) })}\n`);
