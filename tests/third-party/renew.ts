import { type Beat, type BeatReply, hasHeader, isTerminal, parkedTtlMs } from "taskpact/broker";
import { patch, type ShelvedCall } from "./call.ts";
import type { ShelfQueue } from "./queue.ts";

/** A worker's beat on one queue: its presence, its leases, and those that others let lapse. */
export function renew(queue: ShelfQueue, served: Beat["queues"][number], beat: Beat, now: number): BeatReply {
  const { worker, leaseMs, presenceMs } = beat;
  const { tasks, info } = served;
  for (const [name, { until }] of queue.workers) if (until <= now) queue.workers.delete(name);
  if (presenceMs > 0) queue.workers.set(worker, { tasks, info, until: now + presenceMs });
  else queue.workers.delete(worker);

  const kept = new Set<number>();
  for (const { lease } of queue.calls.values()) {
    if (lease?.worker !== worker || !served.fences.includes(lease.fence)) continue;
    lease.until = now + leaseMs;
    kept.add(lease.fence);
  }
  const lost = served.fences.filter((fence) => !kept.has(fence)).map((fence) => ({ queue: queue.name, fence }));
  if (!beat.reap) return { lost, reaped: 0, waiting: 0 };
  const reaped = reap(queue, beat, now);
  queue.endLate(now);
  let waiting = 0;
  for (const { state, suspect, aside, held } of queue.calls.values())
    if (state === "queued" && !suspect && aside === undefined && !held) waiting++;
  return { lost, reaped, waiting };
}

function reap(queue: ShelfQueue, beat: Beat, now: number): number {
  for (const [worker, { until }] of queue.excused) if (until <= now) queue.excused.delete(worker);
  const lapsed = new Map<number, ShelvedCall[]>();
  for (const call of queue.calls.values()) {
    if (call.lease === undefined || call.lease.until > now) continue;
    const { fence } = call.lease;
    lapsed.set(fence, [...(lapsed.get(fence) ?? []), call]);
  }
  const claims = [...lapsed.values()].toSorted((one, other) => one[0]!.lease!.until - other[0]!.lease!.until);
  for (const calls of claims) reapClaim(queue, calls, beat, now);
  return claims.flat().length;
}

/**
 * Takes back what a dead worker held. If it ran a suspect, in whichever of its claims, that one alone is charged; if it ran several,
 * each of them when it dies alone, and then for both.
 */
function reapClaim(
  queue: ShelfQueue,
  calls: readonly ShelvedCall[],
  { leaseMs, maxDeliveries }: Beat,
  now: number,
): void {
  const { worker } = calls[0]!.lease!;
  const ran = [...queue.calls.values()].filter(({ lease, suspect }) => suspect && lease?.worker === worker).length;
  const ranSeveral = ran > 1 || queue.excused.get(worker)?.several === true;
  // Its other claims may lapse a little later.
  if (ran > 0) queue.excused.set(worker, { until: now + leaseMs, several: ranSeveral });
  const isExcused = queue.excused.has(worker);
  for (const call of calls) {
    const { suspect: wasSuspect, header } = call;
    const { awaited, deadline, atMostOnce } = header;
    const wasLost = wasSuspect && header.lostAmongOthers;
    const lostAmongOthers = wasSuspect && ranSeveral && !wasLost && !atMostOnce;
    const isCharged = atMostOnce || (wasSuspect ? !lostAmongOthers : !isExcused);
    const deaths = Math.min(header.deaths + (isCharged ? (wasLost ? 2 : 1) : 0), 255);
    const allowed = maxDeliveries > 0 && header.maxDeliveries > 0 ? header.maxDeliveries : maxDeliveries;
    call.lease = undefined;
    call.suspect = true;
    patch(call, { deaths, begun: true, besideOthers: !wasSuspect && deaths + 1 < allowed, lostAmongOthers });
    if (awaited && deadline > 0 && deadline <= now) queue.end(call, "expired", now);
    else if (isCharged && (atMostOnce || deaths >= allowed)) park(queue, call, now);
    else queue.enqueue(call, "tail");
    if (isTerminal(call.state)) call.suspect = false;
  }
}

/** The request stays as it is, marked, for whoever runs it again. */
function park(queue: ShelfQueue, call: ShelvedCall, now: number): void {
  patch(call, { state: "parked" });
  const { record, header } = call;
  queue.end(call, "parked", now, hasHeader(record) ? { record, header, ttlMs: parkedTtlMs } : undefined);
}
