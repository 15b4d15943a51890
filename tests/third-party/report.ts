import { isTerminal, readHeader, type Report, TaskError, type Verdict } from "taskpact/broker";
import { clear, patch, type ShelvedCall } from "./call.ts";
import type { ShelfQueue } from "./queue.ts";

/** Takes what workers say of attempts, in the given order; nothing of it if one can't be right. */
export function report(queue: ShelfQueue, reports: readonly Report[], now: number): readonly Verdict[] {
  for (const one of reports)
    if (one.kind === "finish" || one.kind === "park") {
      const header = readHeader(one.record);
      if (header === undefined || !isTerminal(header.state))
        throw new TaskError("invalid_argument", "a reply's record needs a header in a terminal state");
    }
  const released: ShelvedCall[] = [];
  const verdicts = reports.map((one): Verdict => {
    const call = queue.find(one.id, now);
    if (call === undefined || call.lease?.fence !== one.fence) return "refused";
    take(queue, call, one, now, released);
    return "accepted";
  });
  // The last one first, so that they stand at the head in their order. A late one may have expired meanwhile.
  for (const call of released.toReversed()) if (!isTerminal(call.state)) queue.enqueue(call, "head");
  return verdicts;
}

function take(queue: ShelfQueue, call: ShelvedCall, report: Report, now: number, released: ShelvedCall[]): void {
  switch (report.kind) {
    case "finish":
    case "park": {
      const { record, ttlMs } = report;
      const header = readHeader(record)!;
      queue.end(call, header.state, now, { record, header, ttlMs });
      break;
    }
    case "retry":
      call.lease = undefined;
      clear(call);
      patch(call, { attempt: Math.min(call.header.attempt + 1, 65_535), state: "retrying" });
      queue.delay(call, "retrying", now + report.delayMs);
      break;
    case "release":
      if (report.begun === true) patch(call, { begun: true });
      call.lease = undefined;
      call.state = "queued";
      released.push(call);
      break;
    case "limit":
      call.lease = undefined;
      patch(call, { limitKeys: report.keys });
      queue.enqueue(call, "same");
      break;
    case "aside":
      call.lease = undefined;
      clear(call);
      call.aside = report.task;
      queue.enqueue(call, "tail");
      break;
    case "progress":
      call.progress = report.value;
      queue.tellClients(call, { kind: "progress", id: call.id, value: report.value });
      break;
  }
}
