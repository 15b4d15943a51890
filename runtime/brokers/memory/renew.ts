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
  for (const [worker, until] of queue.excused) if (until <= now) queue.excused.delete(worker);
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
 * all of them are. All become suspects, also those that were not charged: the one to blame may be among them, and
 * would otherwise have its deaths charged to one suspect after the other.
 */
function reapOne(queue: Queue, lease: Lease, { maxDeliveries, leaseMs }: Beat, now: number): void {
  const excused = queue.suspected.has(lease.worker) || (queue.excused.get(lease.worker) ?? 0) > now;
  // Its other leases may lapse a little later.
  if (queue.suspected.has(lease.worker)) queue.excused.set(lease.worker, now + leaseMs);
  for (const call of lease.calls) {
    const charged = call.suspect || !excused;
    queue.unlease(call);
    queue.lanes.freed(call);
    const { awaited, deadline, deaths } = call.header;
    if (charged) {
      patch(call, { deaths: Math.min(deaths + 1, 255) });
      addFailure(call, workerLost(call, lease.worker));
    }
    call.suspect = true;
    if (awaited && deadline > 0 && deadline <= now) {
      queue.end(call, "expired", now);
    } else if (charged && deaths + 1 >= maxDeliveries) {
      // The request stays as it is, to be run again.
      patch(call, { state: "parked" });
      const reply = hasHeader(call.record) ? { record: call.record, header: call.header } : undefined;
      queue.end(call, "parked", now, { reply, ttlMs: parkedTtlMs });
    } else {
      queue.happened("reclaimed", call, { begun: call.header.attempt + 1, worker: lease.worker });
      queue.enqueue(call);
    }
  }
}

/** The error of an attempt whose worker died. */
function workerLost(call: Call, worker: string): Uint8Array {
  return encode({ code: "worker_lost", message: "its worker died", attempt: call.header.attempt + 1, worker });
}
