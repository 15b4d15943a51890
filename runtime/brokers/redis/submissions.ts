import type { SubmitBatch, Submission, Submitted } from "../../broker.ts";
import { readHeader } from "../../header.ts";
import { type AnyTaskError, TaskError } from "../../errors.ts";
import { chunked } from "./chunks.ts";
import { packed } from "./packed.ts";
import type { Argument } from "./resp.ts";
import { submitScript } from "./scripts/submit.ts";
import type { Script } from "./scripts/script.ts";

/** Runs a script on a queue. */
export type RunScript = (
  script: Script,
  queue: string,
  args: (again: boolean) => readonly Argument[],
  patient?: () => boolean,
) => Promise<unknown>;

const noFingerprint = /^0*$/;

/** Stores the calls of a batch, in as many steps as their size asks for. @throws TaskError as the port says. */
export function submitBatch(run: RunScript, queue: string, batch: SubmitBatch): Promise<readonly Submitted[]> {
  const chunks = chunked(batch.calls, ({ record }) => record.length);
  if (chunks.length <= 1) return submitChunk(run, queue, batch.calls, batch, batch.acknowledged);
  return submitChunks(run, queue, batch, chunks);
}

async function submitChunks(
  run: RunScript,
  queue: string,
  batch: SubmitBatch,
  chunks: readonly (readonly Submission[])[],
): Promise<readonly Submitted[]> {
  const outcomes: Submitted[] = [];
  for (const [index, calls] of chunks.entries()) {
    try {
      outcomes.push(...(await submitChunk(run, queue, calls, batch, index === 0 ? batch.acknowledged : [])));
    } catch (error) {
      // The calls of the steps before are stored: their callers are not to be told that nothing was done.
      throw index === 0 ? error : inPart(error as AnyTaskError);
    }
  }
  return outcomes;
}

function submitChunk(
  run: RunScript,
  queue: string,
  calls: readonly Submission[],
  { maxLength }: SubmitBatch,
  acknowledged: readonly string[],
): Promise<readonly Submitted[]> {
  /** Those that were sent, as callers may give up while the broker is away, and the places of these. */
  let sent: readonly number[] = [];
  const args = (again: boolean) => {
    const idsAndRecords: (string | Uint8Array)[] = [];
    const places: number[] = [];
    let delayed = false;
    for (let index = 0; index < calls.length; index++) {
      const { id, record, delayMs, caller } = calls[index]!;
      if (caller?.wanted() === false) continue;
      caller?.sent();
      places.push(index);
      delayed ||= delayMs > 0;
      idsAndRecords.push(id, record);
    }
    sent = places;
    const delays = delayed ? places.map((index) => calls[index]!.delayMs).join(",") : "";
    // Once: an id that was acknowledged may have been used again by the time of a second sending.
    return [
      delays,
      maxLength ?? "",
      packed(idsAndRecords),
      again || acknowledged.length === 0 ? "" : packed(acknowledged),
    ];
  };
  const patient = () => calls.some(({ caller }) => caller?.wanted() ?? false);
  return run(submitScript, queue, args, patient).then((reply) => {
    const exceptions = reply as readonly (Buffer | number)[];
    const outcomes: Submitted[] = calls.map(() => accepted);
    for (let at = 0; at + 2 < exceptions.length; at += 3) {
      const index = sent[Number(exceptions[at])]!;
      outcomes[index] = outcomeOf(String(exceptions[at + 1]), calls[index]!, exceptions[at + 2] as Buffer);
    }
    return outcomes;
  });
}

const accepted: Submitted = { outcome: "accepted" };

function outcomeOf(kind: string, { record }: Submission, known: Buffer): Submitted {
  switch (kind) {
    case "conflict":
    case "full":
      return { outcome: kind };
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

function inPart(error: AnyTaskError): AnyTaskError {
  return new TaskError<string, unknown>(
    "outcome_unknown",
    `some calls of the batch were stored, and then: ${error.reason}`,
  );
}
