import type { Declaration } from "./declaration.ts";
import type { Origin } from "./envelope.ts";
import type { HookContext } from "./hook.ts";
import { childLogger, type Logger } from "./log.ts";
import { type Metadata, noMetadata } from "./metadata.ts";

/** What the facts of an attempt are made of. */
export interface AttemptKnown {
  readonly callId: string;
  readonly attempt: number;
  readonly fence: number;
  readonly origin: Origin | undefined;
  readonly log: Logger;
}

/** The part of a handler's context that is known wherever the attempt is, also while the handler is in a thread. */
export class AttemptFacts implements HookContext {
  readonly task: string;
  readonly callId: string;
  readonly attempt: number;
  readonly fence: number;
  readonly #known: AttemptKnown;
  #log: Logger | undefined;

  constructor({ name }: Declaration, known: AttemptKnown) {
    this.task = name;
    this.callId = known.callId;
    this.attempt = known.attempt;
    this.fence = known.fence;
    this.#known = known;
  }

  get parentId(): string | undefined {
    return this.#known.origin?.parent;
  }

  get rootId(): string {
    const { origin, callId } = this.#known;
    return origin?.root ?? origin?.parent ?? callId;
  }

  get metadata(): Metadata {
    return this.#known.origin?.metadata ?? noMetadata;
  }

  get idempotencyKey(): string {
    return `${this.task}/${this.callId}`;
  }

  get log(): Logger {
    return (this.#log ??= childLogger(this.#known.log, {
      task: this.task,
      callId: this.callId,
      attempt: this.attempt,
      ...(this.#known.origin?.metadata && { metadata: this.#known.origin.metadata }),
    }));
  }
}
