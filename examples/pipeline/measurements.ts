import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

const hourMs = 3_600_000;
const year = Date.parse("2025-01-01T00:00:00Z");

/** Climates: the mean of a year and how far summer is from it, °C. */
const stations = { oslo: [6, 11], lisbon: [17, 6], nairobi: [19, 2], sydney: [18, -5] } as const;

/** Writes a year of temperatures for each station, every `stepMinutes`, as a CSV file. The same ones each time. */
export async function writeMeasurements(folder: string, stepMinutes: number): Promise<number> {
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  let readings = 0;
  for (const [name, [mean, swing]] of Object.entries(stations)) {
    const file = createWriteStream(join(folder, `${name}.csv`));
    file.write("station,time,celsius\n");
    for (let hours = 0; hours < 365 * 24; hours += 24) {
      const lines: string[] = [];
      for (let minutes = 0; minutes < 24 * 60; minutes += stepMinutes) {
        const at = year + hours * hourMs + minutes * 60_000;
        const season = -Math.cos((2 * Math.PI * (hours / 24 - 15)) / 365) * swing;
        const daily = -Math.cos((2 * Math.PI * minutes) / 1_440) * 4;
        lines.push(`${name},${new Date(at).toISOString()},${(mean + season + daily + random() * 6 - 3).toFixed(1)}\n`);
        readings += 1;
      }
      if (!file.write(lines.join(""))) await once(file, "drain");
    }
    file.end();
    await once(file, "finish");
  }
  return readings;
}
