/** What pushes values to a reader. */
export interface Pushing<Raw> {
  readonly push: (value: Raw) => void;
  /** There is no more. */
  readonly end: () => void;
  /** There is no more, which rejects once with this. */
  readonly fail: (error: unknown) => void;
}

/** Where {@link PushedValues} come from. */
export interface PushedSource<Raw, Value> {
  /** Called with the first `next`. @returns what stops it, at once. */
  begin(to: Pushing<Raw>): () => void;
  /**
   * Makes what was pushed what the reader gets, in the reader's context; undefined for what the reader is not to get. What it
   * throws ends the iteration.
   */
  read(value: Raw): { readonly value: Value } | undefined;
  /** Called after each push that the reader has not taken yet, to drop some. */
  trim(kept: Raw[]): void;
}

interface Reader<Raw> {
  take(value: Raw): void;
  done(): void;
  fail(error: unknown): void;
}

/**
 * Values that are pushed, as an iterator that can be left while it waits, as no generator can: `return` and `throw` end a `next`
 * that waits, and stop the source, at once.
 *
 *     idle ── next ──▶ reading ── end, fail ──▶ what is kept is still read ──▶ over
 *       └──────────────────┴──── return, throw, a value that can't be read ────▶ over
 */
export class PushedValues<Raw, Value> implements AsyncIterableIterator<Value, void> {
  readonly #source: PushedSource<Raw, Value>;
  readonly #kept: Raw[] = [];
  /** Those who called `next` and wait, the first one first. */
  readonly #readers: Reader<Raw>[] = [];
  #stop: (() => void) | undefined;
  #begun = false;
  #over = false;
  #error: { readonly thrown: unknown } | undefined;

  constructor(source: PushedSource<Raw, Value>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<Value, void>> {
    for (;;) {
      const raw = await this.#take();
      if (raw === undefined) return { done: true, value: undefined };
      try {
        const read = this.#source.read(raw.value);
        if (read !== undefined) return { done: false, value: read.value };
      } catch (thrown) {
        this.#leave();
        throw thrown;
      }
    }
  }

  async return(): Promise<IteratorResult<Value, void>> {
    this.#leave();
    return { done: true, value: undefined };
  }

  async throw(thrown: unknown): Promise<IteratorResult<Value, void>> {
    this.#leave();
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Promise<{ readonly value: Raw } | undefined> {
    if (!this.#begun) this.#begin();
    return new Promise((resolve, reject) => {
      const reader = { take: (value: Raw) => resolve({ value }), done: () => resolve(undefined), fail: reject };
      this.#readers.push(reader);
      this.#serve();
    });
  }

  #begin(): void {
    this.#begun = true;
    if (this.#over) return;
    const stop = this.#source.begin({
      push: (value) => {
        if (this.#over) return;
        this.#kept.push(value);
        this.#serve();
        if (this.#kept.length > 0) this.#source.trim(this.#kept);
      },
      end: () => this.#end(),
      fail: (thrown) => this.#end({ thrown }),
    });
    if (this.#over) stop();
    else this.#stop = stop;
  }

  /** Gives what there is to those who wait for it. */
  #serve(): void {
    while (this.#readers.length > 0 && this.#kept.length > 0) this.#readers.shift()!.take(this.#kept.shift()!);
    if (!this.#over) return;
    for (const reader of this.#readers.splice(0)) {
      const error = this.#error;
      this.#error = undefined;
      if (error === undefined) reader.done();
      else reader.fail(error.thrown);
    }
  }

  #end(error?: { readonly thrown: unknown }): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#stop?.();
    this.#serve();
  }

  /** What is kept is of no interest any more. */
  #leave(): void {
    this.#kept.length = 0;
    this.#error = undefined;
    this.#end();
  }
}
