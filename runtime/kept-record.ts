import { decode } from "./codec.ts";
import type { Declaration } from "./declaration.ts";
import { defaultMaxReplyBytes } from "./defaults.ts";
import {
  fromWire,
  keptRequest,
  nextGeneration,
  readReply,
  readRequest,
  type Request,
  wireErrorOf,
} from "./envelope.ts";
import type { AnyTaskError, TaskErrorCode } from "./errors.ts";
import { type Header, newHeader, readHeader } from "./header.ts";
import { receivedError } from "./receive.ts";
import { tried } from "./thrown.ts";

/** How one attempt of a call ended. */
export interface AttemptError {
  readonly code: TaskErrorCode;
  readonly message: string;
  /** Counted from 1. An attempt whose worker died is made again under its number. */
  readonly attempt: number | undefined;
  /** The name of the worker that had it. */
  readonly worker: string | undefined;
  /** The stack of what the handler threw, as text. */
  readonly stack: string | undefined;
}

/** The record of a call that has ended, as far as it can be read: whoever wrote it may have written anything. */
export class KeptRecord {
  readonly header: Header;
  /** What was asked; undefined if it was not kept or can't be read. */
  readonly request: Request | undefined;
  readonly #record: Uint8Array;
  readonly #bytes: Uint8Array | undefined;

  constructor(record: Uint8Array) {
    this.#record = record;
    this.header = tried(() => readHeader(record)) ?? newHeader({});
    this.#bytes = tried(() => keptRequest(record));
    const bytes = this.#bytes;
    // One that no worker would read is not read here, either: it may have been parked for that.
    const isReadable = bytes !== undefined && bytes.length <= defaultMaxReplyBytes;
    this.request = isReadable ? tried(() => readRequest(bytes)) : undefined;
  }

  /** Whether its request is in it, readable or not. */
  get holdsRequest(): boolean {
    return this.#bytes !== undefined;
  }

  /** The record of its next generation; undefined if nothing is left that could be run. */
  get next(): Uint8Array | undefined {
    return this.#bytes === undefined ? undefined : nextGeneration(this.#bytes, this.header);
  }

  /** What it ended with, if that is an error. A declared one is read as its contract says, if that is known. */
  error(id: string, declaration?: Declaration): AnyTaskError | undefined {
    const reply = tried(() => readReply(this.#record));
    if (reply === undefined || "value" in reply) return undefined;
    const error = fromWire(reply.error, this.request?.task ?? declaration?.name, id, true);
    return declaration === undefined ? error : receivedError(declaration, error);
  }
}

/** The kept errors of a call's attempts; what can't be read of them is left out. */
export function attemptErrors(failures: readonly Uint8Array[]): readonly AttemptError[] {
  return failures.map((bytes) => {
    const { code, message, attempt, worker, stack } = wireErrorOf(tried(() => decode(bytes)));
    return { code, message, attempt, worker: worker === "" ? undefined : worker, stack };
  });
}
