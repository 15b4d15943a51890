import { decode } from "./codec.ts";
import type { Declaration } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import type { Unreadable } from "./unreadable.ts";

/** How a client reads what others have written. */
export class Inbound {
  /** What is larger is not read, bytes. */
  readonly maxBytes: number;
  readonly unreadable: Unreadable;

  constructor(maxBytes: number, unreadable: Unreadable) {
    this.maxBytes = maxBytes;
    this.unreadable = unreadable;
  }

  /** @throws TaskError `resource_exhausted` for bytes that are too many. */
  check(what: string, { length }: Uint8Array): void {
    if (length <= this.maxBytes) return;
    const reason = `${what} takes ${length} bytes, more than the ${this.maxBytes} that this client reads (maxResultBytes)`;
    throw new TaskError("resource_exhausted", reason);
  }

  /** A progress as its worker told it; undefined for one that can't be read, which is counted. */
  progress(declaration: Declaration, id: string, bytes: Uint8Array): { readonly value: unknown } | undefined {
    try {
      this.check("its progress", bytes);
      return { value: decode(bytes) };
    } catch (thrown) {
      this.unreadable.count("progress", { task: declaration.name, callId: id }, thrown);
      return undefined;
    }
  }
}
