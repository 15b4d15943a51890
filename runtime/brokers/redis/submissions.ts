import type { SubmitBatch, Submission, Submitted } from "../../broker.ts";
import { readHeader } from "../../header.ts";
import { type AnyTaskError, TaskError } from "../../errors.ts";
import { withTimeLeft } from "../../late-submission.ts";
import { chunked } from "./chunks.ts";
import { commandError } from "./failure.ts";
import { packed } from "./packed.ts";
import type { Argument } from "./resp.ts";
import { submitScript } from "./scripts/submit.ts";
import type { ServerClock } from "./server-clock.ts";
import type { Script } from "./scripts/script.ts";
import { performance } from "../../real-time.ts";

/**
 * Runs a script on a queue.
 *
 * @param patient - as `Connection.run` takes it.
 */
export type RunScript = (
  script: Script,
  queue: string,
  args: (again: boolean) => readonly Argument[],
  patient?: (refused?: AnyTaskError) => boolean,
) => Promise<unknown>;

/** What submissions need of their broker. */
export interface SubmitSettings {
  readonly run: RunScript;
  readonly clock: ServerClock;
}

const noFingerprint = /^0*$/;

/**
 * Stores the calls of a batch, in as many steps as their size asks for. Where there are several, each call is told what became of its
 * own step.
 *
 * @throws TaskError as the port says, if there is one step.
 */
export function submitBatch(
  settings: SubmitSettings,
  queue: string,
  batch: SubmitBatch,
): Promise<readonly Submitted[]> {
  const chunks = chunked(batch.calls, ({ record }) => record.length);
  if (chunks.length <= 1) return new Step(settings, queue, batch.calls, batch, batch.acknowledged).run();
  return submitChunks(settings, queue, batch, chunks);
}

async function submitChunks(
  settings: SubmitSettings,
  queue: string,
  batch: SubmitBatch,
  chunks: readonly (readonly Submission[])[],
): Promise<readonly Submitted[]> {
  const outcomes: Submitted[] = [];
  for (const [index, calls] of chunks.entries()) {
    const step = new Step(settings, queue, calls, batch, index === 0 ? batch.acknowledged : []);
    outcomes.push(...(await outcomesOf(step, calls)));
  }
  return outcomes;
}

/** What became of the calls of a step that is not all of its batch. */
async function outcomesOf(step: Step, calls: readonly Submission[]): Promise<readonly Submitted[]> {
  try {
    return await step.run();
  } catch (thrown) {
    const error = TaskError.from(thrown, "internal");
    return calls.map(() => ({ outcome: "failed", error }));
  }
}

/** One run of the script: the calls that it stores, each in its place in the outcomes. */
class Step {
  readonly #settings: SubmitSettings;
  readonly #queue: string;
  readonly #calls: readonly Submission[];
  readonly #batch: SubmitBatch;
  readonly #acknowledged: readonly string[];
  /** The places of those that were sent: callers may give up while the broker is away. */
  #sent: readonly number[] = [];
  #firstSentAt: number | undefined;
  /** Whether to resend, once, the calls that are late by the server's clock alone. */
  #resendsLate = true;
  /** What became of those that were not sent. */
  readonly #unsent = new Map<number, Submitted>();

  constructor(
    settings: SubmitSettings,
    queue: string,
    calls: readonly Submission[],
    batch: SubmitBatch,
    acknowledged: readonly string[],
  ) {
    this.#settings = settings;
    this.#queue = queue;
    this.#calls = calls;
    this.#batch = batch;
    this.#acknowledged = acknowledged;
  }

  run(): Promise<readonly Submitted[]> {
    return this.#settings
      .run(
        submitScript,
        this.#queue,
        (again) => this.#args(again),
        (refused) => this.#isWanted(refused),
      )
      .then((reply) => this.#outcomes(reply as readonly (Buffer | number)[]));
  }

  #args(again: boolean): readonly Argument[] {
    const now = performance.now();
    const idsAndRecords: (string | Uint8Array)[] = [];
    const places: number[] = [];
    let delays: number[] | undefined;
    for (let index = 0; index < this.#calls.length; index++) {
      const call = this.#calls[index]!;
      if (call.caller?.wanted() === false) continue;
      const sending = this.#sendable(call, index, now, again);
      if (sending === undefined) continue;
      call.caller?.sent();
      if (sending.delayMs > 0) (delays ??= [])[places.length] = sending.delayMs;
      places.push(index);
      idsAndRecords.push(sending.id, sending.record);
    }
    this.#sent = places;
    this.#firstSentAt ??= now;
    return [
      delays === undefined ? "" : places.map((_, place) => delays[place] ?? 0).join(","),
      this.#batch.maxLength ?? "",
      packed(idsAndRecords),
      // Once: an id that was acknowledged may have been used again by the time of a second sending.
      again || this.#acknowledged.length === 0 ? "" : packed(this.#acknowledged),
      this.#settings.clock.latest(now) ?? "",
    ];
  }

  /** A call as it is to be sent now; undefined if it is too late for that. */
  #sendable(call: Submission, index: number, now: number, again: boolean): Submission | undefined {
    const { resendMs = Number.POSITIVE_INFINITY } = call;
    const isKept = !again || now - (this.#firstSentAt ?? now) < resendMs;
    const sending = isKept ? withTimeLeft(call, now) : undefined;
    if (sending !== undefined) return sending;
    // What was sent before may have been stored by that.
    this.#unsent.set(index, again ? { outcome: "failed", error: unanswered(isKept, resendMs) } : late);
    return undefined;
  }

  /** Whether anybody waits for it to be taken. */
  #isWanted(refused: AnyTaskError | undefined): boolean {
    if (refused !== undefined) for (const { caller } of this.#calls) caller?.refused?.(refused);
    return this.#calls.some(({ caller }) => caller?.wanted() ?? false);
  }

  #outcomes(exceptions: readonly (Buffer | number)[]): readonly Submitted[] | Promise<readonly Submitted[]> {
    const outcomes: Submitted[] = this.#calls.map(() => accepted);
    for (const [index, outcome] of this.#unsent) outcomes[index] = outcome;
    let anyLate = false;
    for (let at = 0; at + 2 < exceptions.length; at += 3) {
      const index = this.#sent[Number(exceptions[at])]!;
      const outcome = outcomeOf(String(exceptions[at + 1]), this.#calls[index]!, exceptions[at + 2] as Buffer);
      outcomes[index] = outcome;
      anyLate ||= outcome === late;
    }
    return anyLate && this.#resendsLate ? this.#again(outcomes) : outcomes;
  }

  /** Late by the server's clock, and not by ours: that clock was set. Such calls are sent once more, without what was known of it. */
  async #again(outcomes: Submitted[]): Promise<readonly Submitted[]> {
    const { clock } = this.#settings;
    clock.reset();
    const now = performance.now();
    const places = this.#sent.filter((index) => {
      const call = this.#calls[index]!;
      return outcomes[index] === late && call.caller?.wanted() !== false && withTimeLeft(call, now) !== undefined;
    });
    if (places.length === 0) return outcomes;
    const calls = places.map((index) => this.#calls[index]!);
    const step = new Step(this.#settings, this.#queue, calls, this.#batch, []);
    step.#resendsLate = false;
    const again = await outcomesOf(step, calls);
    for (const [nth, outcome] of again.entries()) outcomes[places[nth]!] = outcome;
    return outcomes;
  }
}

const accepted: Submitted = { outcome: "accepted" };
const late: Submitted = { outcome: "late" };

function outcomeOf(kind: string, { record }: Submission, known: Buffer): Submitted {
  switch (kind) {
    case "conflict":
    case "full":
      return { outcome: kind };
    case "late":
      return late;
    case "failed":
      return { outcome: "failed", error: commandError(new Error(String(known)), "") };
    case "ended":
      return { outcome: "accepted", ended: known };
    default:
      // A call of the plain level has no fingerprint: it is ours only if its id can't be anybody else's.
      return { outcome: hasFingerprint(record) ? "conflict" : "accepted" };
  }
}

function hasFingerprint(record: Uint8Array): boolean {
  try {
    return !noFingerprint.test(readHeader(record)?.fingerprint ?? "");
  } catch {
    return false;
  }
}

/** What is said of a call that was sent, and is not sent again. */
function unanswered(isKept: boolean, resendMs: number): AnyTaskError {
  const why = isKept
    ? "its deadline is past"
    : `its result may have expired after ${resendMs} ms, and it would run twice`;
  return new TaskError<string, unknown>(
    "outcome_unknown",
    `the connection to Redis was lost before its reply; it is not sent again, as ${why}`,
  );
}
