import type { Submission, SubmitBatch, Submitted } from "../../broker.ts";
import { waitingClient } from "../../envelope.ts";
import { withTimeLeft } from "../../late-submission.ts";
import { isTerminal } from "../../state.ts";
import { type Call, headerOf, newCall, patch } from "./call.ts";
import type { Queue } from "./queue.ts";
import { performance } from "../../real-time.ts";

/** Calls of a full queue that one submit looks at. */
const lookedOverAtOnce = 1_000;

/**
 * Forgets what has been received, then stores new calls in their order. Parked calls are kept for whoever looks after
 * them, and so are those that were run again: what was received is what they had ended with before.
 */
export function submit(queue: Queue, batch: SubmitBatch, now: number): readonly Submitted[] {
  for (const id of batch.acknowledged) {
    const call = queue.calls.get(id);
    if (call === undefined || !isTerminal(call.state) || call.state === "parked") continue;
    if (call.header.generation === 0) queue.forget(call);
  }
  queue.sweep(now, 2 * batch.calls.length + 8);
  if (batch.maxLength !== undefined && queue.length + batch.calls.length > batch.maxLength) {
    // No worker may be there to find out which of them are over.
    queue.endLate(now);
    queue.lookOver(now, lookedOverAtOnce);
  }
  const nested: Call[] = [];
  const submitted = batch.calls.map((submission) => submitOne(queue, submission, now, nested, batch.maxLength));
  // Each to the head: the last one first, so that they are in their order.
  for (const call of nested.toReversed()) queue.enqueue(call);
  return submitted;
}

function submitOne(queue: Queue, asked: Submission, now: number, nested: Call[], maxLength = Infinity): Submitted {
  if (asked.caller?.wanted() === false) return { outcome: "accepted" };
  const submission = withTimeLeft(asked, performance.now());
  if (submission === undefined) return { outcome: "late" };
  submission.caller?.sent();
  const existing = queue.find(submission.id, now);
  if (existing !== undefined) return again(existing, submission);
  if (queue.length + nested.length >= maxLength) return { outcome: "full" };
  const given = headerOf(submission.record);
  const call = newCall(submission.id, submission.record, given, waitingClient(submission.record));
  patch(call, {
    state: submission.delayMs > 0 ? "delayed" : "queued",
    priority: submission.priority,
    deadline: given.deadline > 0 ? now + given.deadline : 0,
  });
  queue.calls.set(call.id, call);
  queue.happened(submission.delayMs > 0 ? "delayed" : "queued", call);
  if (submission.delayMs > 0) queue.delay(call, "delayed", now + submission.delayMs);
  else if (submission.priority === "nested") nested.push(call);
  else queue.enqueue(call);
  return { outcome: "accepted" };
}

/** An id that is known: the same call sent again, or another client's, or another call. */
function again(call: Call, submission: Submission): Submitted {
  if (headerOf(submission.record).fingerprint !== call.header.fingerprint) return { outcome: "conflict" };
  if (isTerminal(call.state)) return { outcome: "accepted", ended: call.record };
  const client = waitingClient(submission.record);
  if (client !== undefined && client !== call.to) (call.waiters ??= new Set()).add(client);
  return { outcome: "accepted" };
}
