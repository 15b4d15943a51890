import type { StoredCall } from "../../broker.ts";
import { workerChannel } from "../../keys.ts";
import { isTerminal } from "../../state.ts";
import { hasStarted, stored } from "./call.ts";
import type { Queue } from "./queue.ts";

/** Ends a call that has not ended. In its list it stays as a ghost. */
export function cancel(queue: Queue, id: string, now: number): StoredCall | undefined {
  const call = queue.find(id, now);
  if (call === undefined) return undefined;
  if (!isTerminal(call.state)) {
    const fence = call.lease?.fence;
    if (fence !== undefined) queue.surroundings.tell(workerChannel(queue.name), { kind: "canceled", id, fence });
    queue.end(call, "canceled", now);
  }
  return stored(call);
}

/** Takes a call that has never started out of its queue. What is left is a tombstone, which answers its submit sent again. */
export function revoke(queue: Queue, id: string, nonce: string, now: number): boolean {
  const call = queue.find(id, now);
  if (call === undefined) return false;
  if (call.nonce !== undefined) return call.nonce === nonce;
  if (isTerminal(call.state) || call.lease !== undefined || hasStarted(call)) return false;
  call.nonce = nonce;
  queue.end(call, "canceled", now);
  return true;
}
