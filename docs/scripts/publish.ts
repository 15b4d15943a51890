/** Writes the scripts of the protocol as files: `npm run scripts`. */
import { readdir, rm, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { scripts } from "../../runtime/brokers/redis/scripts/all.ts";

/** The files beside this one, by their names: byte for byte what Taskpact loads, so that one SHA-1 names both. */
export const publishedFiles: ReadonlyMap<string, string> = new Map(
  scripts.map(({ name, lua }) => [`${name}.lua`, lua] as const),
);

/** Where they are. */
export const publishedFolder = new URL(".", import.meta.url);

/** The scripts that lie there now. */
export async function filesPublished(): Promise<readonly string[]> {
  return (await readdir(publishedFolder)).filter((name) => name.endsWith(".lua")).sort();
}

async function publish(): Promise<void> {
  for (const name of await filesPublished()) {
    if (!publishedFiles.has(name)) await rm(new URL(name, publishedFolder));
  }
  for (const [name, lua] of publishedFiles) await writeFile(new URL(name, publishedFolder), lua);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await publish();
