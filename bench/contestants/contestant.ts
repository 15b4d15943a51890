/** The call that all contestants make: `math.addition`, whose answer is checked. */
export interface Addends {
  readonly a: number;
  readonly b: number;
}

/** One who answers additions over Redis. Each file beside this one, and in `peers/`, exports one as `contestant`. */
export interface Contestant {
  /** Runs a worker in this process; resolves when it takes calls. It answers what `handle` gives. */
  startWorker(url: string, settings: WorkerSettings): Promise<void>;
  /** Opens a caller in this process; resolves when it can call. */
  openCaller(url: string): Promise<Caller>;
}

/** What a worker runs. */
export interface WorkerSettings {
  readonly handle: (addends: Addends) => number;
}

/** One who calls. */
export interface Caller {
  /** Asks for a sum and waits for it. */
  call(addends: Addends): Promise<number>;
  /** Puts a call into the queue; resolves when Redis has it. */
  submit(addends: Addends): Promise<unknown>;
  close(): Promise<unknown>;
}
