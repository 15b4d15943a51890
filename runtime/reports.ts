import { setMaxListeners } from "node:events";
import { onAbort } from "./abort-listeners.ts";
import { batchLimit, TurnBatch } from "./batch.ts";
import type { Broker, Report, Verdict } from "./broker.ts";
import { pause } from "./clock.ts";
import { type Bounded, Deadlines } from "./deadlines.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import type { Logger } from "./log.ts";

const firstPauseMs = 100;
const longestPauseMs = 2_000;
/** How long after a call's progress was sent the next one is, at the least, ms. */
const progressPauseMs = 100;
/** Faults of a broker that is away or full. */
const passing: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "outcome_unknown", "resource_exhausted"]);

/** A call that has sent some progress: the next is sent when that has arrived and is no longer fresh. */
class Progressing implements Bounded {
  /** The newest that was reported since. */
  next: Report | undefined;
  onItsWay = true;
  fresh = true;
  row = undefined;
  lateAt = 0;
  before = undefined;
  behind = undefined;
  readonly #goOn: (progressing: Progressing) => void;

  constructor(goOn: (progressing: Progressing) => void) {
    this.#goOn = goOn;
  }

  arrived(): void {
    this.onItsWay = false;
    this.#goOn(this);
  }

  late(): void {
    this.fresh = false;
    this.#goOn(this);
  }
}

/** Sends a worker's reports, those of one turn of the event loop together, and again until the broker takes them. */
export class Reports {
  readonly #broker: Broker;
  readonly #log: Logger;
  readonly #settled: (queue: string, reports: readonly Report[]) => void;
  readonly #batches = new Map<string, TurnBatch<Report>>();
  readonly #giveUp = new AbortController();
  readonly #progress = new Map<string, Progressing>();
  readonly #pauses = new Deadlines();
  #open = 0;
  #idle: (() => void) | undefined;

  /** @param settled - called when some have been taken, refused or given up. */
  constructor(broker: Broker, log: Logger, settled: (queue: string, reports: readonly Report[]) => void) {
    this.#broker = broker;
    this.#log = log;
    this.#settled = settled;
    // Each batch that is to be sent again listens, however many there are.
    setMaxListeners(0, this.#giveUp.signal);
  }

  /** How many are not yet taken by the broker. */
  get open(): number {
    return this.#open;
  }

  add(queue: string, report: Report): void {
    if (report.kind === "progress") return this.#addProgress(queue, report);
    // The last progress goes before the end.
    if (this.#progress.size > 0) this.#endProgress(queue, report);
    this.#enqueue(queue, report);
  }

  #addProgress(queue: string, report: Report): void {
    const call = callOf(queue, report);
    const known = this.#progress.get(call);
    if (known !== undefined) {
      known.next = report;
      return;
    }
    const progressing = new Progressing((one) => {
      if (one.onItsWay || one.fresh) return;
      this.#progress.delete(call);
      if (one.next !== undefined) this.#addProgress(queue, one.next);
    });
    this.#progress.set(call, progressing);
    this.#pauses.add(progressing, progressPauseMs);
    this.#enqueue(queue, report);
  }

  #endProgress(queue: string, report: Report): void {
    const call = callOf(queue, report);
    const progressing = this.#progress.get(call);
    if (progressing === undefined) return;
    this.#progress.delete(call);
    this.#pauses.delete(progressing);
    if (progressing.next !== undefined) this.#enqueue(queue, progressing.next);
  }

  #enqueue(queue: string, report: Report): void {
    this.#open += 1;
    let batch = this.#batches.get(queue);
    if (batch === undefined) {
      batch = new TurnBatch((reports) => this.#start(queue, reports), batchLimit);
      this.#batches.set(queue, batch);
    }
    batch.add(report);
  }

  /**
   * Resolves when all are taken, or `signal` ends the patience with a broker that is away. What is still said then, as a claim
   * has come home late, is sent once.
   */
  async drained(signal: AbortSignal): Promise<void> {
    const giveUp = (): void => {
      this.#giveUp.abort();
      this.#idle?.(); // One that is on its way is not waited for, either.
    };
    const unlisten = onAbort(signal, giveUp);
    if (signal.aborted) giveUp();
    else if (this.#open > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    unlisten();
    this.#giveUp.abort();
  }

  #start(queue: string, reports: readonly Report[]): void {
    void this.#send(queue, reports).then(() => {
      this.#open -= reports.length;
      for (const report of reports)
        if (report.kind === "progress") this.#progress.get(callOf(queue, report))?.arrived();
      this.#settled(queue, reports);
      if (this.#open === 0) this.#idle?.();
    });
  }

  /** Resolves when they are taken, or given up. */
  #send(queue: string, reports: readonly Report[]): Promise<void> {
    return this.#broker.finish(queue, reports).then(
      (verdicts) => this.#heard(queue, reports, verdicts),
      (thrown: unknown) => this.#sendAgain(queue, reports, thrown),
    );
  }

  #heard(queue: string, reports: readonly Report[], verdicts: readonly Verdict[]): void {
    for (let index = 0; index < verdicts.length; index++) {
      if (verdicts[index] === "refused") this.#logRefused(queue, reports[index]!);
    }
  }

  async #sendAgain(queue: string, reports: readonly Report[], failure: unknown): Promise<void> {
    let thrown = failure;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const error = TaskError.from(thrown, "internal");
      if (!passing.has(error.code)) return this.#sendApart(queue, reports, error);
      this.#log.warn({ queue, reports: reports.length, error: error.message }, "reports were not taken; sending again");
      await pause(pauseMs, this.#giveUp.signal);
      if (this.#giveUp.signal.aborted) return; // The leases lapse, and others run the calls again.
      try {
        return this.#heard(queue, reports, await this.#broker.finish(queue, reports));
      } catch (again) {
        thrown = again;
      }
    }
  }

  /** After a fault that sending again does not mend: finds whose it is, so that its neighbours are heard. */
  async #sendApart(queue: string, reports: readonly Report[], error: AnyTaskError): Promise<void> {
    if (reports.length > 1) {
      await Promise.all(reports.map((report) => this.#send(queue, [report])));
      return;
    }
    const { id, kind } = reports[0]!;
    this.#log.error({ queue, callId: id, kind, error: error.message }, "a report can't be taken; given up");
  }

  #logRefused(queue: string, { kind, id, fence }: Report): void {
    this.#log.debug({ queue, callId: id, fence, kind }, "a report came too late: the call has ended or is another's");
  }
}

function callOf(queue: string, { id, fence }: Report): string {
  return `${fence} ${queue} ${id}`;
}
