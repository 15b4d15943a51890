import { jsonText } from "./json.ts";

/** Prints what a command found: as JSON if it was asked for, else as the text that people read. */
export function print(options: { readonly json?: boolean | undefined }, value: unknown, text: () => string): void {
  const printed = options.json === true ? jsonText(value) : text();
  if (printed !== "") process.stdout.write(`${printed}\n`);
}

/** A moment of the broker's clock, as people and scripts read it. */
export function momentText(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString();
}
