/** Loaded before a program of this folder: writes down, four times a second, how much memory its process has. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";

const { folder } = JSON.parse(process.argv[2] ?? "{}");
const file = join(folder, `${process.pid}.memory`);

function write() {
  const { heapUsed, rss } = process.memoryUsage();
  appendFileSync(file, `${JSON.stringify({ heapUsed, rss })}\n`);
}
write();
setInterval(write, 250).unref();
