import type { Broker } from "./broker.ts";
import { isQueueName } from "./checks.ts";

/*
 * Which node queues there are, and were not long ago: kept as presences in a queue to which no call goes, one for each node
 * queue, as long as something may be left of it.
 */

const registry = "@nodes";
/** How long a node queue is known without another word of its process, ms: as long as parked calls are kept. */
const knownMs = 7 * 86_400_000;
/** How long one is known that was found empty: what was just on its way to it is found, too. */
const emptyMs = 3_600_000;

/** A node queue that is known. */
export interface KnownNode {
  readonly queue: string;
  /** What its process implements, by the names on the wire. */
  readonly tasks: readonly string[];
}

/** All node queues that are known, whether or not anybody listens to them now. */
export async function nodesOf(broker: Broker): Promise<readonly KnownNode[]> {
  const known = await broker.presence(registry);
  // Who shares the namespace may have put there what is the name of no queue.
  return known.flatMap(({ worker, tasks }) => (isQueueName(worker) ? [{ queue: worker, tasks }] : []));
}

/** Makes a node queue known, or keeps it so. */
export function keepNode(broker: Broker, node: KnownNode): Promise<void> {
  return tell(broker, node, knownMs);
}

/** Forgets a node queue of which nothing is left, a little later. */
export function leaveNode(broker: Broker, node: KnownNode): Promise<void> {
  return tell(broker, node, emptyMs);
}

async function tell(broker: Broker, { queue, tasks }: KnownNode, presenceMs: number): Promise<void> {
  const queues = [{ name: registry, tasks, fences: [] }];
  await broker.renew({ worker: queue, queues, leaseMs: 1_000, presenceMs, maxDeliveries: 1, reap: false });
}
