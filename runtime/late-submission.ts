import type { Submission } from "./broker.ts";
import { bufferOf, hasHeader, headerOffset } from "./header.ts";

/** Until then a submission counts as sent when it was made, ms: a turn of the event loop takes so long. Those of one batch stay alike. */
const unnoticedMs = 20;

/** Where the deadline is in a record. */
const deadlineAt = headerOffset + 16;

/**
 * A submission with what is left of its durations now; itself, where that is all of them.
 *
 * @param now - by `performance.now`.
 * @returns undefined when its deadline is past.
 */
export function withTimeLeft(submission: Submission, now: number): Submission | undefined {
  const { madeAt = now, record, delayMs } = submission;
  const lateMs = Math.floor(now - madeAt);
  if (lateMs < unnoticedMs) return submission;
  const deadline = hasHeader(record) ? bufferOf(record).readDoubleBE(deadlineAt) : 0;
  if (!(deadline > 0) && delayMs === 0) return submission;
  // A deadline includes the delay.
  if (deadline > 0 && deadline <= lateMs) return undefined;
  return {
    ...submission,
    delayMs: Math.max(0, delayMs - lateMs),
    record: deadline > 0 ? withDeadline(record, deadline - lateMs) : record,
  };
}

function withDeadline(record: Uint8Array, deadline: number): Uint8Array {
  const copy = Buffer.from(record);
  copy.writeDoubleBE(deadline, deadlineAt);
  return copy;
}
