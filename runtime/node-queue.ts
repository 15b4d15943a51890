import { hostname } from "node:os";
import type { Broker } from "./broker.ts";
import { shown } from "./checks.ts";
import { madeAt, newId } from "./id.ts";
import { nodesOf } from "./node-registry.ts";

/*
 * Names of node queues, which one process alone serves: `node:<name>` where somebody has named it, so that the name outlives
 * the process; else `node:<host>:<pid>:<id>`, which no other process ever has.
 */

const prefix = "node:";
const given = /^[\w.-]{1,100}$/;
const automatic = /^node:[\w.-]*:\d+:([-\w]{17})$/;
/** By then a process that has made a name listens to its queue, or never will, ms. */
const youngMs = 60_000;

/** Refuses what can't be the `nodeQueue` of a worker or a client. Absent is fine. */
export function checkNodeQueue(value: unknown, fail: (reason: string) => never): void {
  if (value === undefined || typeof value === "boolean" || (typeof value === "string" && given.test(value))) return;
  fail(`nodeQueue must be true, or a name of 1 to 100 letters, digits, "_", "." or "-"; got ${shown(value)}`);
}

/** The queue's name that an option asks for; a new one at each time where none is given. */
export function nodeQueueOf(option: boolean | string | undefined): string | undefined {
  if (option === undefined || option === false) return undefined;
  if (typeof option === "string") return prefix + option;
  const host = hostname()
    .replaceAll(/[^\w.-]/g, "-")
    .slice(0, 80);
  return `${prefix}${host}:${process.pid}:${newId()}`;
}

/** Whether a queue is a node queue, by its name. */
export function isNodeQueue(queue: string): boolean {
  return queue.startsWith(prefix);
}

/** Whether it belongs to a single process, and nobody will ever come back for it after that. */
export function isAutomatic(queue: string): boolean {
  return automatic.test(queue);
}

/**
 * Whether nobody listens to a queue, nor ever will: its process has listened and does not any more, or has had the time to
 * begin.
 */
export async function isForsaken(broker: Broker, queue: string): Promise<boolean> {
  const [, id = ""] = automatic.exec(queue) ?? [];
  const at = madeAt(id);
  if (at === undefined) return false;
  const hasListened = at < Date.now() - youngMs || (await nodesOf(broker)).some((node) => node.queue === queue);
  // It may just have begun.
  return hasListened && !(await isListenedTo(broker, queue));
}

/** Whether somebody listens to a queue, also where what is told of it can't be read. */
export async function isListenedTo(broker: Broker, queue: string): Promise<boolean> {
  let isThere = false;
  const listeners = await broker.presence(queue, () => {
    isThere = true;
  });
  return isThere || listeners.length > 0;
}

/** What is wrong with a queue that {@link isForsaken}. */
export function forsaken(queue: string): string {
  return `the process that served queue "${queue}" is gone`;
}

/**
 * Takes back what a dead process held in a queue of its own, once its leases have lapsed: as nobody else may run it, it is
 * parked at once.
 *
 * @returns how many calls.
 */
export async function takeBack(broker: Broker, queue: string): Promise<number> {
  const queues = [{ name: queue, tasks: [], fences: [] }];
  const beat = { worker: "@nobody", queues, leaseMs: 15_000, presenceMs: 0, maxDeliveries: 0, reap: true };
  return (await broker.renew(beat)).reaped;
}
