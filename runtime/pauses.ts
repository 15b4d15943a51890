/** What can be paused: a task, or all tasks of a queue. A contract's tasks with `cpu` are in a queue of their own, `report.cpu`. */
export type Pausable<Name extends string = string> =
  | { readonly task: Name; readonly queue?: undefined }
  | { readonly queue: string; readonly task?: undefined };

/** The side of a client by which tasks and queues are paused, for all clients and workers, and across restarts. */
export interface Pauses<Signatures> {
  /**
   * Lets no more calls be started on workers. What runs goes on; calls are still submitted, and wait; other tasks' calls do
   * not wait behind those of a paused one. An awaited call's time goes on. Calls that run in the caller's process do so.
   *
   * @throws TaskError `invalid_argument` for a task or a queue that this client does not know, node queues aside.
   */
  pause(what: Pausable<keyof Signatures & string>): Promise<void>;
  /** Goes on with what was paused: workers that wait are woken. A task of a queue that is paused, too, waits for that. */
  resume(what: Pausable<keyof Signatures & string>): Promise<void>;
  /** What is paused of this client's tasks and their queues. */
  paused(): Promise<Paused<keyof Signatures & string>>;
}

/** What is paused, by name, in the order of names. */
export interface Paused<Name extends string = string> {
  readonly tasks: readonly Name[];
  readonly queues: readonly string[];
}
