import type { Fallback } from "./awaited.ts";
import { about, type Call, policyOf, type Settled } from "./call.ts";
import { pause } from "./clock.ts";
import type { Declaration } from "./declaration.ts";
import { type AnyTaskError, TaskError, type TaskErrorCode } from "./errors.ts";
import type { LocalRuns } from "./local.ts";
import type { PresenceView, Served } from "./presence.ts";
import { performance } from "./real-time.ts";
import type { RemoteCalls } from "./remote.ts";

/** The places in which a call can run. */
export interface Places {
  readonly local: LocalRuns;
  readonly remote: RemoteCalls;
  readonly presence: PresenceView;
}

const defaultFallbackAfterMs = 1_000;

/**
 * Runs a call where its policy says. A second place is tried only if the first did not start the handler, or did not get to an
 * answer and the task says `runElsewhereAfterStart`.
 */
export function run(places: Places, call: Call): Settled | Promise<Settled> {
  const { declaration, options } = call;
  const timeoutMs = options.timeoutMs ?? declaration.timeoutMs;
  const canceled = options.signal?.aborted === true;
  if (canceled) return notStarted(call, "canceled", "its signal was aborted before it began");
  const { local } = places;
  // Limits are counted where workers claim.
  const here = !declaration.limited && local.implements(declaration);
  switch (policyOf(call)) {
    case "local-only":
      if (declaration.limited)
        return notStarted(
          call,
          "unavailable",
          "it is local-only, and its maxConcurrency or rateLimit holds on workers",
        );
      if (!here)
        return local.leavesOut(declaration)
          ? notStarted(
              call,
              "unimplemented",
              "it is local-only, and the implementation of its contract here leaves it out",
            )
          : notStarted(call, "unavailable", "it is local-only, and no implementation was given");
      if (!local.slotFree(call))
        return notStarted(
          call,
          "unavailable",
          "it is local-only, and all local slots are taken; raise localConcurrency",
        );
      return local.run(call, timeoutMs);
    case "local-first":
      if (!here) return places.remote.call(call, timeoutMs);
      // A handler that waits for it may hold the only slots that there are: it may have to run here all the same.
      if (!local.couldBegin(call)) return remoteFirst(places, call, timeoutMs, call.nested ? "unclaimed" : "never");
      return localFirst(places, call, timeoutMs);
    case "remote-only":
      return places.remote.call(call, timeoutMs);
    case "remote-first":
      return here ? remoteFirst(places, call, timeoutMs, "unclaimed") : places.remote.call(call, timeoutMs);
    case "auto":
      return here ? whereSomeoneIs(places, call, timeoutMs) : places.remote.call(call, timeoutMs);
  }
}

function localFirst(places: Places, call: Call, timeoutMs: number): Settled | Promise<Settled> {
  const began = performance.now();
  const first = places.local.run(call, timeoutMs);
  if (call.declaration.task.runElsewhereAfterStart !== true) return first;
  return secondOnWorker(places, call, timeoutMs, began, first);
}

/** A worker is another place only if one is there; without its answer, the first place's stands. */
async function secondOnWorker(
  places: Places,
  call: Call,
  timeoutMs: number,
  began: number,
  run: Settled | Promise<Settled>,
): Promise<Settled> {
  const first = await run;
  if (!mayMove(call, first)) return first;
  if ((await lookInTime(places, call.declaration, left(timeoutMs, began), began)) !== "served") return first;
  const leftMs = left(timeoutMs, began);
  if (leftMs <= 0) return first;
  const second = await places.remote.call(call, leftMs);
  const answered = second.ok || (second.started && second.error.code !== "deadline_exceeded");
  return answered ? second : first;
}

async function remoteFirst(
  places: Places,
  call: Call,
  timeoutMs: number,
  when: Fallback["when"] | "never",
): Promise<Settled> {
  const began = performance.now();
  const { local } = places;
  const afterMs = call.options.fallbackAfterMs ?? defaultFallbackAfterMs;
  const fallback = when === "never" ? undefined : { afterMs, when, reserve: () => local.reserve(call) };
  const settled = await places.remote.call(call, timeoutMs, fallback);
  const leftMs = left(timeoutMs, began);
  // The slot of a call that was taken back is kept for it until it runs.
  return mayMove(call, settled) && leftMs > 0 ? local.run(call, leftMs) : settled;
}

/** `auto`: on a worker if one is present; else here. */
async function whereSomeoneIs(places: Places, call: Call, timeoutMs: number): Promise<Settled> {
  const began = performance.now();
  const served = await lookInTime(places, call.declaration, timeoutMs, began);
  const leftMs = left(timeoutMs, began);
  if (call.options.signal?.aborted === true) return notStarted(call, "canceled", "its signal was aborted");
  if (leftMs <= 0) return notStarted(call, "deadline_exceeded", `no broker said within ${timeoutMs} ms who listens`);
  // A worker that was seen may be gone by now.
  if (served === "served" || !places.local.couldBegin(call)) return remoteFirst(places, call, leftMs, "unserved");
  return places.local.run(call, leftMs);
}

/** Who serves a task, as far as can be told in time: a broker that is away is nobody. */
async function lookInTime(places: Places, declaration: Declaration, timeoutMs: number, since: number): Promise<Served> {
  const over = new AbortController();
  const late = pause(Math.min(timeoutMs, longestLookMs), over.signal).then((): Served => "nobody");
  const look = places.presence.look(declaration, since).catch((): Served => "nobody");
  const served = await Promise.race([look, late]);
  over.abort();
  return served;
}

/** How long `auto` waits for a broker to say who listens, ms: then it is taken for away. */
const longestLookMs = 1_000;

/** Codes that leave open whether another place would have an answer, if a repetition does no harm. */
const unanswered: ReadonlySet<TaskErrorCode> = new Set(["failed", "worker_lost", "outcome_unknown", "internal"]);
/** Codes by which the first place says that it can't run the call. */
const elsewhere: ReadonlySet<TaskErrorCode> = new Set(["unavailable", "unimplemented"]);

function mayMove(call: Call, settled: Settled): boolean {
  if (settled.ok) return false;
  if (!settled.started) return elsewhere.has(settled.error.code);
  return call.declaration.task.runElsewhereAfterStart === true && unanswered.has(settled.error.code);
}

/** What is left of a call's time, ms; 0 or less when it is up. */
function left(timeoutMs: number, began: number): number {
  return Math.round(timeoutMs - (performance.now() - began));
}

function notStarted(call: Call, code: TaskErrorCode, reason: string): Settled {
  const cause: unknown = code === "canceled" ? call.options.signal?.reason : undefined;
  const error: AnyTaskError = new TaskError<string, unknown>(code, reason, { ...about(call), cause });
  return { ok: false, started: false, error };
}
