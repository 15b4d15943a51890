import type { Presence, PresenceInfo } from "./broker.ts";
import { decode } from "./codec.ts";
import { TaskError } from "./errors.ts";

/** What a worker tells of itself, from bytes that anyone may have written. @throws TaskError `invalid_argument` for what is no presence. */
export function readPresence(worker: string, bytes: Uint8Array): Presence {
  const told = decode(bytes);
  const { tasks, info } = isObject(told) ? told : {};
  if (!Array.isArray(tasks) || !tasks.every((task): task is string => typeof task === "string"))
    throw new TaskError("invalid_argument", "a presence lists no tasks");
  return { worker, tasks, info: infoIn(info) };
}

/** Undefined for what is not all of it: a worker need not tell it. */
function infoIn(told: unknown): PresenceInfo | undefined {
  if (!isObject(told)) return undefined;
  const { host, pid, version, nodeQueue, owner, owners, uptimeMs, concurrency, running, perSecond } = told;
  if (typeof host !== "string" || typeof version !== "string") return undefined;
  if (nodeQueue !== undefined && typeof nodeQueue !== "string") return undefined;
  if (owner !== undefined && typeof owner !== "string") return undefined;
  if (owners !== undefined && !isTexts(owners)) return undefined;
  if (!isCount(pid) || !isCount(uptimeMs) || !isCount(concurrency) || !isCount(running)) return undefined;
  if (!isObject(perSecond)) return undefined;
  const { succeeded, failed, retried } = perSecond;
  if (!isCount(succeeded) || !isCount(failed) || !isCount(retried)) return undefined;
  const rates = { succeeded, failed, retried };
  return { host, pid, version, nodeQueue, owner, owners, uptimeMs, concurrency, running, perSecond: rates };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((text) => typeof text === "string");
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
