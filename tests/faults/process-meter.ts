import { readFile } from "node:fs/promises";

/** Ticks of the processor's time in /proc, on all systems that have it. */
const tickMs = 10;

/** How much of a processor a process has used so far, ms; undefined where the system doesn't tell. */
export async function cpuMsOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field, the program's name, is in brackets and may hold blanks.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) * tickMs;
}
