import { open } from "node:fs/promises";
import { implementReadings } from "../generated/index.ts";

interface Summary {
  readonly station: string;
  readonly month: number;
  count: number;
  sum: number;
  least: number;
  most: number;
}

const newline = 10;
/** Longer than any line. */
const probeBytes = 1_024;

/** The second argument says where threads find these handlers. */
export const readings = implementReadings(
  {
    async cut({ file, chunkBytes }) {
      const handle = await open(file);
      try {
        const { size } = await handle.stat();
        const cuts = [0];
        const probe = Buffer.alloc(probeBytes);
        for (let near = chunkBytes; near < size; near += chunkBytes) {
          const { bytesRead } = await handle.read(probe, 0, probeBytes, near);
          const end = probe.subarray(0, bytesRead).indexOf(newline);
          if (end >= 0 && near + end + 1 < size) cuts.push(near + end + 1);
        }
        return cuts.map((from, index) => ({ file, from, to: cuts[index + 1] ?? size }));
      } finally {
        await handle.close();
      }
    },

    async sumUp({ file, from, to }) {
      const bytes = Buffer.alloc(to - from);
      const handle = await open(file);
      try {
        await handle.read(bytes, 0, bytes.length, from);
      } finally {
        await handle.close();
      }
      const summaries = new Map<string, Summary>();
      let count = 0;
      for (const line of bytes.toString().split("\n")) {
        const [station = "", time = "", text] = line.split(",");
        const value = Number(text ?? Number.NaN);
        // The first line of a file names its columns, the last one is empty.
        if (Number.isNaN(value)) continue;
        const month = Number(time.slice(5, 7));
        const key = `${station} ${month}`;
        let summary = summaries.get(key);
        if (summary === undefined) {
          summaries.set(key, (summary = { station, month, count: 0, sum: 0, least: value, most: value }));
        }
        count += 1;
        summary.count += 1;
        summary.sum += value;
        summary.least = Math.min(summary.least, value);
        summary.most = Math.max(summary.most, value);
      }
      return { readings: count, summaries: [...summaries.values()] };
    },
  },
  import.meta.url,
);
