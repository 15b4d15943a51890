import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after } from "../runtime/clock.ts";
import type { Logger } from "../runtime/log.ts";
import { exitCodes, UsageError } from "./exit-code.ts";
import { isFromMember, type ToMember, type WorkerOrder } from "./worker-message.ts";

/** The first wait before a process that has died is started again, ms; it doubles with each death up to the longest. */
const firstBackoffMs = 100;
const longestBackoffMs = 30_000;
/** A process that has lived so long is no sign of a fault that comes back, ms. */
const wellAfterMs = 10_000;
/** What a process may take beyond its grace, to tell its answers to a broker that may be away, ms. */
const lastWordsMs = 20_000;
/** What it may take in a hurry, ms. */
const hurryMs = 2_000;

/** How a crew is set up. */
export interface CrewSettings {
  readonly order: WorkerOrder;
  readonly workers: number;
  /** The program of a process, and the arguments for Node itself. */
  readonly program: URL;
  readonly execArgv: readonly string[];
  readonly log: Logger;
}

/** Worker processes: those that die are started again, until all are stopped. */
export class Crew {
  readonly #settings: CrewSettings;
  readonly #members = new Set<ChildProcess>();
  readonly #waits = new Set<() => void>();
  readonly #ended: Promise<number>;
  #end!: () => void;
  #isStopping = false;
  /** Whether any process has ever been able to run its order. */
  #isFit = false;
  /** What keeps all of them from running. */
  #fault: UsageError | undefined;
  #code: number = exitCodes.done;

  constructor(settings: CrewSettings) {
    this.#settings = settings;
    this.#ended = new Promise((resolve, reject) => {
      this.#end = () => (this.#fault === undefined ? resolve(this.#code) : reject(this.#fault));
    });
  }

  /**
   * Starts them.
   *
   * @returns the exit code, when all have ended after {@link stop}.
   * @throws UsageError for an order that no process can follow.
   */
  run(): Promise<number> {
    for (let place = 1; place <= this.#settings.workers; place++) this.#start(place, 0);
    return this.#ended;
  }

  /** Lets them finish within their grace; told again, ends them at once. */
  stop(): void {
    const again = this.#isStopping;
    this.#isStopping = true;
    for (const undo of this.#waits) undo();
    this.#waits.clear();
    for (const member of this.#members) this.#tell(member, { kind: again ? "hurry" : "stop" });
    // One that its handlers keep from hearing is ended by the system.
    const patienceMs = again ? hurryMs : this.#settings.order.graceMs + lastWordsMs;
    this.#wait(patienceMs, () => this.#kill());
    this.#endIfEmpty();
  }

  /** @param deaths - of this place in a row. */
  #start(place: number, deaths: number): void {
    const { program, execArgv, order, log } = this.#settings;
    const member = fork(program, { execArgv: [...execArgv], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const startedAt = performance.now();
    let isLeaving = false;
    this.#members.add(member);
    log.debug({ place, pid: member.pid }, "a worker's process starts");
    member.on("message", (message) => {
      if (!isFromMember(message)) return;
      if (message.kind === "fit") this.#isFit = true;
      else if (message.kind === "unfit") this.#unfit(place, message.reason);
      else {
        // Its successor begins while it finishes what it has.
        isLeaving = true;
        log.info({ place, pid: member.pid }, "a worker's process has run its calls; a fresh one takes its place");
        if (!this.#isStopping) this.#start(place, 0);
      }
    });
    // A process that can't be started has no exit.
    const failed = once(member, "error").then(([error]) => [String(error), null] as const);
    const exited = once(member, "exit").then(
      ([code, signal]) => [code as number | null, signal as string | null] as const,
    );
    void Promise.race([failed, exited]).then(([code, signal]) => {
      this.#members.delete(member);
      if (this.#isStopping) {
        if (code !== 0) this.#code = exitCodes.failed;
        this.#endIfEmpty();
        return;
      }
      if (isLeaving && code === 0) return;
      if (isLeaving) {
        log.warn({ place, pid: member.pid, code, signal }, "a worker's process died while it finished its calls");
        return;
      }
      const row = performance.now() - startedAt >= wellAfterMs ? 0 : deaths;
      const restartInMs = Math.min(firstBackoffMs * 2 ** row, longestBackoffMs);
      log.warn(
        { place, pid: member.pid, code, signal, restartInMs },
        "a worker's process has ended; another one follows",
      );
      this.#wait(restartInMs, () => this.#start(place, row + 1));
    });
    this.#tell(member, { kind: "run", order });
  }

  /** What no process could run, no restart mends; but one that ran before may be mended while others go on. */
  #unfit(place: number, reason: string): void {
    if (this.#isFit) this.#settings.log.error({ place, reason }, "a worker's process can't run what it is to run");
    if (this.#isFit || this.#isStopping) return;
    this.#fault = new UsageError(reason);
    this.stop();
  }

  #tell(member: ChildProcess, message: ToMember): void {
    // One that is just gone hears nothing.
    if (member.connected) member.send(message, () => undefined);
  }

  #kill(): void {
    for (const { pid } of this.#members)
      this.#settings.log.error({ pid }, "a worker's process did not end: it is killed");
    for (const member of this.#members) member.kill("SIGKILL");
  }

  #wait(ms: number, act: () => void): void {
    const undo = after(ms, () => {
      this.#waits.delete(undo);
      act();
    });
    this.#waits.add(undo);
  }

  #endIfEmpty(): void {
    if (this.#members.size > 0) return;
    for (const undo of this.#waits) undo();
    this.#end();
  }
}
