import type { StoredCall } from "../../broker.ts";
import { headerBytes, headerOffset, readHeader } from "../../header.ts";
import { TaskError } from "../../errors.ts";
import { isTerminal, states } from "../../state.ts";

/** A call as its record tells of it. */
export function storedCall(record: Buffer, running: boolean, progress: Buffer | null): StoredCall {
  return { state: stateOf(record, running), record, progress: progress ?? undefined };
}

function stateOf(record: Buffer, running: boolean): StoredCall["state"] {
  const waiting = running ? "running" : "queued";
  try {
    const header = readHeader(record);
    if (header === undefined) return plainEnd(record) ?? waiting;
    return running && !isTerminal(header.state) ? "running" : header.state;
  } catch {
    return waiting; // A malformed header is for a worker to park.
  }
}

/** How a reply of the plain level ended its call, undefined for a request: scripts know it by its first key, too. */
function plainEnd(record: Buffer): "succeeded" | "failed" | undefined {
  const at = record[0] === 0xde ? 3 : 1;
  if (record[at] !== 0xa5) return undefined;
  const key = record.toString("latin1", at + 1, at + 6);
  return key === "value" ? "succeeded" : key === "error" ? "failed" : undefined;
}

/** @throws TaskError `invalid_argument` for a reply's record that does not say that its call has ended. */
export function checkReply(record: Uint8Array): void {
  const state = states[record[headerOffset + 1] ?? -1];
  if (record.length >= headerOffset + headerBytes && state !== undefined && isTerminal(state)) return;
  throw new TaskError("invalid_argument", "a reply's record needs a header in a terminal state");
}

/** The bytes as a command takes them. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
