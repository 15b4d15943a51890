import { jsonText } from "./json.ts";

const width = 24;
/** Of a terminal that does not say how wide it is. */
const columns = 80;

/** Shows on a terminal how far a call is, in a line that is written over; elsewhere nothing. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  #isShown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
  }

  show(progress: unknown): void {
    if (!this.#stream.isTTY) return;
    this.#isShown = true;
    this.#stream.write(`\r\x1b[2K${barText(progress).slice(0, (this.#stream.columns || columns) - 1)}`);
  }

  clear(): void {
    if (this.#isShown) this.#stream.write("\r\x1b[2K");
    this.#isShown = false;
  }
}

/** `███████▌             42 %  21/50`; what has another shape is shown as it is. */
export function barText(progress: unknown): string {
  const { current, total } = (progress ?? {}) as { readonly current?: unknown; readonly total?: unknown };
  if (typeof current !== "number" || typeof total !== "number" || total <= 0) return jsonText(progress);
  const part = Math.min(1, Math.max(0, current / total));
  const full = Math.round(part * width);
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${String(Math.floor(part * 100)).padStart(3)} %  ${current}/${total}`;
}
