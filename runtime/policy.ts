import { about, type Call, type Settled } from "./call.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import type { LocalRuns } from "./local.ts";
import type { PresenceView } from "./presence.ts";
import type { RemoteCalls } from "./remote.ts";

/** The places in which a call can run. */
export interface Places {
  readonly local: LocalRuns;
  readonly remote: RemoteCalls;
  readonly presence: PresenceView;
}

const defaultFallbackAfterMs = 1_000;

/**
 * Runs a call where its policy says. A second place is tried only if the first did not start the handler, or the
 * task is idempotent and did not get to an answer.
 */
export function run(places: Places, call: Call): Settled | Promise<Settled> {
  const { declaration, options } = call;
  const policy = options.policy ?? declaration.task.policy ?? "local-first";
  const timeoutMs = options.timeoutMs ?? declaration.timeoutMs;
  const canceled = options.signal?.aborted === true;
  if (canceled) return notStarted(call, "canceled", "its signal was aborted before it began");
  const { local } = places;
  const here = local.implements(declaration.name);
  switch (policy) {
    case "local-only":
      if (!here) return notStarted(call, "unavailable", "it is local-only, and no implementation was given");
      if (!local.slotFree) return notStarted(call, "unavailable", "it is local-only, and all local slots are taken");
      return local.run(call, timeoutMs);
    case "local-first":
      if (!here || !local.slotFree) return places.remote.call(call, timeoutMs);
      return localFirst(places, call, timeoutMs);
    case "remote-only":
      return places.remote.call(call, timeoutMs);
    case "remote-first":
      return here ? remoteFirst(places, call, timeoutMs, true) : places.remote.call(call, timeoutMs);
    case "auto":
      return here ? whereSomeoneIs(places, call, timeoutMs) : places.remote.call(call, timeoutMs);
  }
}

function localFirst(places: Places, call: Call, timeoutMs: number): Settled | Promise<Settled> {
  const first = places.local.run(call, timeoutMs);
  if (call.declaration.task.idempotent !== true) return first;
  const began = performance.now();
  return Promise.resolve(first).then((settled) =>
    mayMove(call, settled) ? places.remote.call(call, left(timeoutMs, began)) : settled,
  );
}

async function remoteFirst(places: Places, call: Call, timeoutMs: number, revoke: boolean): Promise<Settled> {
  const began = performance.now();
  const fallback = {
    afterMs: call.options.fallbackAfterMs ?? defaultFallbackAfterMs,
    ready: () => places.local.slotFree,
  };
  const settled = await places.remote.call(call, timeoutMs, revoke ? fallback : undefined);
  return mayMove(call, settled) ? places.local.run(call, left(timeoutMs, began)) : settled;
}

/** `auto`: on a worker if one is present; else here. */
async function whereSomeoneIs(places: Places, call: Call, timeoutMs: number): Promise<Settled> {
  const began = performance.now();
  const { name, queue } = call.declaration;
  const served = await places.presence.look(queue, name).catch(() => "nobody" as const);
  if (served === "served") return remoteFirst(places, call, left(timeoutMs, began), false);
  return places.local.run(call, left(timeoutMs, began));
}

/** Codes that leave open whether another place would have an answer, if a repetition does no harm. */
const unanswered: ReadonlySet<TaskErrorCode> = new Set(["failed", "worker_lost", "outcome_unknown", "internal"]);
/** Codes by which the first place says that it can't run the call. */
const elsewhere: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "unimplemented"]);

function mayMove(call: Call, settled: Settled): boolean {
  if (settled.ok) return false;
  if (!settled.started) return elsewhere.has(settled.error.code);
  return call.declaration.task.idempotent === true && unanswered.has(settled.error.code);
}

function left(timeoutMs: number, began: number): number {
  return Math.max(1, timeoutMs - (performance.now() - began));
}

function notStarted(call: Call, code: TaskErrorCode, reason: string): Settled {
  const error: AnyTaskError = new TaskError<string, unknown>(code, reason, about(call));
  return { ok: false, started: false, error };
}
