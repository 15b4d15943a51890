import type { Beat, BeatReply } from "../../broker.ts";
import { encode } from "../../codec.ts";
import { hasHeader } from "../../header.ts";
import { parkedTtlMs } from "../retention.ts";
import { addFailure, type Call, type Lease, patch } from "./call.ts";
import type { Queue } from "./queue.ts";

/** Calls of a paused queue that one beat looks at. */
const lookedOverAtOnce = 1_000;

/** A worker's beat on one queue: its presence, its leases, and those that others let lapse. */
export function renew(queue: Queue, served: Beat["queues"][number], beat: Beat, now: number): BeatReply {
  const { worker } = beat;
  for (const [gone, { until }] of queue.listeners) if (until <= now && gone !== worker) leave(queue, gone);
  if (beat.presenceMs > 0) {
    if (!queue.listeners.has(worker)) queue.workerHappened("workerUp", worker);
    const { tasks, info } = served;
    queue.listeners.set(worker, { worker, tasks, info, until: now + beat.presenceMs });
  } else {
    leave(queue, worker);
  }

  const lost = [];
  for (const fence of served.fences) {
    const lease = queue.leases.get(fence);
    if (lease?.worker === beat.worker) queue.lapses.move(lease, now + beat.leaseMs);
    else lost.push({ queue: queue.name, fence });
  }
  if (!beat.reap) return { lost, reaped: 0, waiting: 0 };
  // What no claim may ever come by.
  queue.endLate(now);
  if (queue.paused) queue.lookOver(now, lookedOverAtOnce);
  return { lost, reaped: reap(queue, beat, now), waiting: queue.paused ? 0 : queue.waitingLength };
}

function leave(queue: Queue, worker: string): void {
  queue.turns.delete(worker);
  if (queue.listeners.delete(worker)) queue.workerHappened("workerDown", worker);
}

function reap(queue: Queue, beat: Beat, now: number): number {
  for (const [worker, { until }] of queue.excused) if (until <= now) queue.excused.delete(worker);
  let reaped = 0;
  for (;;) {
    const lease = queue.lapses.first;
    if (lease === undefined || lease.due > now) return reaped;
    reaped += lease.calls.size;
    reapOne(queue, lease, beat, now);
  }
}

/**
 * Takes back the calls of a worker that is gone. If it ran a suspect, that one alone is charged with its death; else
 * all of them are. If it ran several, each is charged only once it dies alone, and then for both. All become suspects, also
 * those that were not charged: the one to blame may be among them, and would otherwise have its deaths charged to one suspect
 * after the other. Those that were none yet may be run beside others. A call that is delivered at most once is parked.
 */
function reapOne(queue: Queue, lease: Lease, { maxDeliveries, leaseMs }: Beat, now: number): void {
  const { worker } = lease;
  const suspects = queue.suspected.get(worker) ?? 0;
  const several = suspects > 1 || (queue.excused.get(worker)?.several ?? false);
  const excused = suspects > 0 || queue.excused.has(worker);
  // Its other leases may lapse a little later.
  if (suspects > 0) queue.excused.set(worker, { until: now + leaseMs, several });
  for (const call of lease.calls) {
    const { awaited, deadline, atMostOnce, maxDeliveries: own } = call.header;
    const allowed = own > 0 && maxDeliveries > 0 ? own : maxDeliveries;
    const wasSuspect = call.suspect;
    const wasLost = wasSuspect && call.header.lostAmongOthers;
    const lostAmongOthers = wasSuspect && several && !wasLost && !atMostOnce;
    const charged = atMostOnce || (wasSuspect ? !lostAmongOthers : !excused);
    const deaths = Math.min(call.header.deaths + (charged ? (wasLost ? 2 : 1) : 0), 255);
    queue.unlease(call);
    queue.lanes.freed(call);
    if (charged && wasLost) addFailure(call, workerLost(call, ""));
    if (charged) addFailure(call, workerLost(call, worker));
    // One that has killed a worker when it was a suspect runs alone from then on, and so does one that may have.
    const besideOthers = !wasSuspect && deaths + 1 < allowed;
    patch(call, { deaths, begun: true, besideOthers, lostAmongOthers });
    call.suspect = true;
    if (awaited && deadline > 0 && deadline <= now) {
      queue.end(call, "expired", now);
    } else if (charged && (atMostOnce || deaths >= allowed)) {
      // The request stays as it is, to be run again.
      patch(call, { state: "parked" });
      const reply = hasHeader(call.record) ? { record: call.record, header: call.header } : undefined;
      queue.end(call, "parked", now, { reply, ttlMs: parkedTtlMs });
    } else {
      queue.happened("reclaimed", call, { begun: call.header.attempt + 1, worker });
      queue.enqueue(call);
    }
  }
}

/** The error of an attempt whose worker died. */
function workerLost(call: Call, worker: string): Uint8Array {
  return encode({ code: "worker_lost", message: "its worker died", attempt: call.header.attempt + 1, worker });
}
