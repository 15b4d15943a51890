import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/** What is to be done to one file: its new text, or its end. */
export interface FileChange {
  /** Below the project's folder, with forward slashes; absolute outside of it. */
  readonly path: string;
  /** Undefined for a file that is to be deleted. */
  readonly text: string | undefined;
}

/** Does it. The only place in the generator that writes to the disk. */
export async function writeChanges(root: string, changes: readonly FileChange[]): Promise<void> {
  for (const { path, text } of changes) {
    const file = resolve(root, path);
    if (text === undefined) {
      await rm(file);
    } else {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }
}
