import type { Report } from "../../broker.ts";
import { chunked, mostBytes, mostItems } from "./chunks.ts";
import { packed } from "./packed.ts";
import type { Argument } from "./resp.ts";
import { finishScript } from "./scripts/finish.ts";
import { reportScript } from "./scripts/report.ts";
import type { Script } from "./scripts/script.ts";
import { bufferOf, checkReply } from "./stored.ts";
import { ttlOf } from "./ttl.ts";

/** Reports that go out together, and where each stood in what the worker said: undefined where all are in one chunk, in their order. */
export interface ReportChunk {
  readonly script: Script;
  readonly args: readonly Argument[];
  readonly indexes?: readonly number[] | undefined;
}

/**
 * The script calls for some reports, to be sent in this order: replies have a script of their own, and what is said
 * of running calls goes before what ends them.
 *
 * @throws TaskError `invalid_argument`, before anything is sent, for a reply that has not ended.
 */
export function reportChunks(reports: readonly Report[]): readonly ReportChunk[] {
  for (const report of reports) if ("record" in report) checkReply(report.record);
  const alike = alikeChunk(reports);
  if (alike !== undefined) return [alike];
  const indexed = reports.map((report, index) => ({ report, index }));
  const finishes = indexed.filter(({ report }) => report.kind === "finish");
  const others = finishes.length === indexed.length ? [] : indexed.filter(({ report }) => report.kind !== "finish");
  return [
    ...chunked(others, ({ report }) => bytesOf(report)).map(reportChunk),
    ...chunked(finishes, ({ report }) => bytesOf(report)).map(finishChunk),
  ];
}

/** Mostly all are replies of one claim. Undefined where they are not, or are more than one chunk. */
function alikeChunk(reports: readonly Report[]): ReportChunk | undefined {
  const [first] = reports;
  if (first?.kind !== "finish" || reports.length > mostItems) return undefined;
  const { fence, ttlMs } = first;
  const idsAndRecords: (string | Uint8Array)[] = [];
  let bytes = 0;
  for (const report of reports) {
    if (report.kind !== "finish" || report.fence !== fence || report.ttlMs !== ttlMs) return undefined;
    bytes += report.record.length;
    idsAndRecords.push(report.id, report.record);
  }
  if (bytes > mostBytes) return undefined;
  return { script: finishScript, args: [fence, ttlOf(ttlMs), packed(idsAndRecords)] };
}

interface Indexed {
  readonly report: Report;
  readonly index: number;
}

function reportChunk(chunk: readonly Indexed[]): ReportChunk {
  const args = chunk.flatMap(({ report }) => reportArgs(report));
  return { script: reportScript, args, indexes: chunk.map(({ index }) => index) };
}

/** Replies that have fence and ttl in common say both once: what is sent costs by the number of its parts. */
function finishChunk(chunk: readonly Indexed[]): ReportChunk {
  const groups: {
    readonly fence: number;
    readonly ttlMs: number;
    readonly idsAndRecords: (string | Uint8Array)[];
    readonly indexes: number[];
  }[] = [];
  let group: (typeof groups)[number] | undefined;
  for (const { report, index } of chunk) {
    if (report.kind !== "finish") continue;
    const { id, fence, record } = report;
    const ttlMs = ttlOf(report.ttlMs);
    if (group?.fence !== fence || group.ttlMs !== ttlMs) {
      group = groups.find((one) => one.fence === fence && one.ttlMs === ttlMs);
      if (group === undefined) groups.push((group = { fence, ttlMs, idsAndRecords: [], indexes: [] }));
    }
    group.idsAndRecords.push(id, record);
    group.indexes.push(index);
  }
  const args = groups.flatMap((one) => [one.fence, one.ttlMs, packed(one.idsAndRecords)]);
  return { script: finishScript, args, indexes: groups.flatMap((one) => one.indexes) };
}

function bytesOf(report: Report): number {
  return "record" in report ? report.record.length : "value" in report ? report.value.length : 256;
}

function reportArgs(report: Report): readonly Argument[] {
  const { kind, id, fence } = report;
  switch (kind) {
    case "retry":
      return [kind, id, fence, report.delayMs, bufferOf(report.failure)];
    case "aside":
      return [kind, id, fence, report.task, ""];
    case "park":
      return [kind, id, fence, bufferOf(report.record), ttlOf(report.ttlMs)];
    case "progress":
      return [kind, id, fence, bufferOf(report.value), ""];
    case "limit":
      return [kind, id, fence, Buffer.from(report.keys, "hex"), ""];
    case "release":
      return [kind, id, fence, report.begun === true ? "1" : "", ""];
    case "finish":
      return [];
  }
}
