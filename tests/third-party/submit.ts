import {
  isTerminal,
  type StoredCall,
  type Submission,
  type SubmitBatch,
  type Submitted,
  waitingClient,
  workerChannel,
} from "taskpact/broker";
import { hasStarted, headerOf, newCall, patch, type ShelvedCall } from "./call.ts";
import type { ShelfQueue } from "./queue.ts";

/** Forgets what was received, and stores new calls. */
export function submit(queue: ShelfQueue, batch: SubmitBatch, now: number): readonly Submitted[] {
  for (const id of batch.acknowledged) {
    const call = queue.calls.get(id);
    if (call !== undefined && isTerminal(call.state) && call.state !== "parked") queue.calls.delete(id);
  }
  queue.sweep(now);
  const { maxLength = Infinity } = batch;
  let length = 0;
  if (maxLength < Infinity) {
    queue.endLate(now);
    for (const { state, lease } of queue.calls.values()) if (!isTerminal(state) && lease === undefined) length++;
  }

  const nested: ShelvedCall[] = [];
  const submitted = batch.calls.map((submission): Submitted => {
    const known = queue.find(submission.id, now);
    if (known !== undefined) return again(known, submission);
    if (length >= maxLength) return { outcome: "full" };
    length++;
    const call = store(queue, submission, now);
    if (call.state === "queued" && submission.priority === "nested") nested.push(call);
    return { outcome: "accepted" };
  });
  // Each goes to the head, those of a batch in their order.
  for (const call of nested.toReversed()) queue.enqueue(call);
  return submitted;
}

function store(queue: ShelfQueue, { id, record, priority, delayMs }: Submission, now: number): ShelvedCall {
  const call = newCall(id, record);
  const { deadline } = call.header;
  const state = delayMs > 0 ? "delayed" : "queued";
  patch(call, { state, priority, deadline: deadline > 0 ? now + deadline : 0 });
  queue.calls.set(id, call);
  if (delayMs > 0) queue.delay(call, "delayed", now + delayMs);
  else queue.enqueue(call);
  return call;
}

/** What is known under this id: the same call sent again, another client that waits for it, or another call. */
function again(call: ShelvedCall, { record }: Submission): Submitted {
  if (headerOf(record).fingerprint !== call.header.fingerprint) return { outcome: "conflict" };
  if (isTerminal(call.state)) return { outcome: "accepted", ended: call.record };
  const client = waitingClient(record);
  if (client !== undefined) call.clients.add(client);
  return { outcome: "accepted" };
}

/** Ends a call that has not ended, and tells its worker. */
export function cancel(queue: ShelfQueue, id: string, now: number): StoredCall | undefined {
  const call = queue.find(id, now);
  if (call === undefined) return undefined;
  if (!isTerminal(call.state)) {
    if (call.lease !== undefined)
      queue.tell(workerChannel(queue.name), { kind: "canceled", id, fence: call.lease.fence });
    queue.end(call, "canceled", now);
  }
  return stored(call);
}

/** Takes a call out that has never started. What is left of it answers its submit sent again. */
export function revoke(queue: ShelfQueue, id: string, nonce: string, now: number): boolean {
  const call = queue.find(id, now);
  if (call === undefined) return false;
  if (call.nonce !== undefined) return call.nonce === nonce;
  if (isTerminal(call.state) || call.lease !== undefined || hasStarted(call)) return false;
  call.nonce = nonce;
  queue.end(call, "canceled", now);
  return true;
}

/** A call as it stands; whoever waits for it is told of its end. */
export function read(queue: ShelfQueue, id: string, waiter: string | undefined, now: number): StoredCall | undefined {
  const call = queue.find(id, now);
  if (call === undefined) return undefined;
  if (waiter !== undefined && !isTerminal(call.state)) call.clients.add(waiter);
  return stored(call);
}

function stored({ state, record, progress }: ShelvedCall): StoredCall {
  return { state, record, progress };
}
