import type { Report, Verdict } from "../../broker.ts";
import { readHeader } from "../../header.ts";
import { TaskError } from "../../errors.ts";
import { isTerminal } from "../../state.ts";
import { addFailure, type Call, clear, headerOf, patch } from "./call.ts";
import type { Queue } from "./queue.ts";

/** Takes what a worker says of its attempts, in the given order. @throws TaskError before anything is done. */
export function report(queue: Queue, reports: readonly Report[], now: number): readonly Verdict[] {
  for (const one of reports) if (one.kind === "finish" || one.kind === "park") checkReply(one.record);
  queue.sweep(now, 2 * reports.length + 8);
  const released: Call[] = [];
  const verdicts = reports.map((one) => reportOne(queue, one, now, released));
  // The last one first, so that they stand at the head in the order in which they were claimed.
  // One that is late may have been looked at by another report meanwhile, and have expired.
  // A limited one whose own slot has let it go on stands there by now.
  for (const call of released.toReversed())
    if (!isTerminal(call.state) && call.list === undefined) queue.enqueue(call, "head");
  return verdicts;
}

function reportOne(queue: Queue, report: Report, now: number, released: Call[]): Verdict {
  const call = queue.find(report.id, now);
  if (call === undefined || call.lease?.fence !== report.fence) return "refused";
  switch (report.kind) {
    case "finish":
    case "park": {
      const header = headerOf(report.record);
      queue.end(call, header.state, now, { reply: { record: report.record, header }, ttlMs: report.ttlMs });
      break;
    }
    case "retry":
      queue.unlease(call);
      queue.lanes.freed(call);
      // It came back from its worker: whoever dies next does not do so because of it.
      clear(call);
      addFailure(call, report.failure);
      queue.happened("retrying", call, { begun: call.header.attempt + 1, bytes: report.failure });
      patch(call, { attempt: Math.min(call.header.attempt + 1, 65_535), state: "retrying" });
      queue.delay(call, "retrying", now + report.delayMs);
      break;
    case "release":
      if (report.begun === true) patch(call, { begun: true });
      queue.unlease(call);
      if (!queue.lanes.givenBack(call)) released.push(call);
      break;
    case "limit":
      patch(call, { limitKeys: report.keys });
      queue.unlease(call);
      released.push(call); // It has been in no line.
      break;
    case "aside": {
      queue.unlease(call);
      queue.lanes.freed(call);
      clear(call);
      queue.putAside(call, report.task);
      break;
    }
    case "progress":
      call.progress = report.value;
      queue.happened("progress", call, { begun: call.header.attempt + 1, bytes: report.value });
      queue.tellWaiting(call, { kind: "progress", id: call.id, value: report.value });
      break;
  }
  return "accepted";
}

function checkReply(record: Uint8Array): void {
  const header = readHeader(record);
  if (header === undefined || !isTerminal(header.state)) {
    throw new TaskError("invalid_argument", "a reply's record needs a header in a terminal state");
  }
}
