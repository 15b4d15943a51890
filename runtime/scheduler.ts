import { createHash } from "node:crypto";
import type { Broker } from "./broker.ts";
import { nameArguments } from "./call.ts";
import { type Clock, settles, systemClock } from "./clock.ts";
import { encode } from "./codec.ts";
import type { Declaration } from "./declaration.ts";
import { writeRequest } from "./envelope.ts";
import { TaskError } from "./errors.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { atMostOnceVersion, newHeader, protocolVersion } from "./header.ts";
import { limitKeysOf } from "./limits.ts";
import type { Logger } from "./log.ts";
import type { Schedule } from "./schedule.ts";
import { slotId } from "./slot-id.ts";
import { type Slots, slotsOf } from "./slots.ts";
import { farAheadMs, type Timetable } from "./timetable.ts";

/** How long a broker's time that has no timer is not looked at, at the most, ms: after that, a step of its clock has been noticed. */
const lookMs = 10_000;
/** How long after a look that failed there is another one, ms. */
const retryMs = 1_000;

/** A scheduled task. */
interface Plan {
  readonly declaration: Declaration;
  readonly schedule: Schedule;
  /** Of its calls: what the schedule gives, as a caller would. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly slots: Slots;
  /** Of its calls, if the task is limited. */
  readonly limitKeys: string | undefined;
  /** The first slot after the last one, as it was found at an earlier look. */
  upcoming?: { readonly after: number; readonly slot: number | undefined };
}

/**
 * Fires the slots of a worker's scheduled tasks. Any number of workers may do so for the same tasks: when a slot is due,
 * and whether it was fired, is decided by the broker, by its own time. Only how long to wait is counted here.
 */
export class Scheduler {
  readonly #broker: Broker;
  readonly #declarations: readonly Declaration[];
  readonly #log: Logger;
  readonly #clock: Pick<Clock, "setTimer">;
  readonly #undo = new Map<string, () => void>();
  readonly #looking = new Set<Promise<void>>();
  #stopped = false;
  /** What is wrong with looks at present: told once. */
  #trouble: string | undefined;

  constructor(
    broker: Broker,
    declarations: Iterable<Declaration>,
    log: Logger,
    clock: Pick<Clock, "setTimer"> = systemClock,
  ) {
    this.#broker = broker;
    this.#declarations = [...declarations].filter(({ task }) => task.schedule !== undefined);
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Makes the first look, and then one whenever a slot may be due.
   *
   * @throws TaskError `invalid_argument` for a schedule that can't be followed.
   */
  async start(): Promise<void> {
    const queues = new Map<string, Plan[]>();
    for (const declaration of this.#declarations) {
      const plan = await planOf(declaration);
      const plans = queues.get(declaration.queue);
      if (plans === undefined) queues.set(declaration.queue, [plan]);
      else plans.push(plan);
    }
    const { timetable } = this.#broker;
    if (queues.size === 0) return;
    if (timetable === undefined) {
      this.#log.warn({}, "its broker keeps no timetable: schedules are not followed");
      return;
    }
    await Promise.all([...queues].map(([queue, plans]) => this.#look(timetable, queue, plans)));
  }

  /** Fires no more; what is on its way is waited for, so many ms. */
  async stop(patienceMs: number): Promise<void> {
    this.#stopped = true;
    for (const undo of this.#undo.values()) undo();
    await settles(Promise.all(this.#looking), patienceMs);
  }

  async #look(timetable: Timetable, queue: string, plans: readonly Plan[]): Promise<void> {
    let waitMs = retryMs;
    try {
      waitMs = await this.#fireDue(timetable, queue, plans);
      this.#trouble = undefined;
    } catch (thrown) {
      const { message } = TaskError.from(thrown, "internal");
      if (message !== this.#trouble) this.#log.warn({ error: message, queue }, "schedules wait; trying again");
      this.#trouble = message;
    }
    if (this.#stopped) return;
    const again = (): void => {
      const looking = this.#look(timetable, queue, plans).finally(() => this.#looking.delete(looking));
      this.#looking.add(looking);
    };
    this.#undo.set(queue, timetable.setTimer?.(waitMs, again) ?? this.#clock.setTimer(waitMs, again));
  }

  /** @returns how long there is nothing to do, ms. */
  async #fireDue(timetable: Timetable, queue: string, plans: readonly Plan[]): Promise<number> {
    const { now, entries } = await timetable.read(queue);
    let waitMs = timetable.setTimer === undefined ? lookMs : Infinity;
    for (const plan of plans) {
      const { declaration, slots } = plan;
      const task = declaration.name;
      const found = entries.get(task);
      const entry = found !== undefined && found.last <= now + farAheadMs ? found : undefined;
      const last = entry?.last ?? now;
      if (plan.upcoming?.after !== last) plan.upcoming = { after: last, slot: slots.next(last) };
      const { slot: first = Infinity } = plan.upcoming;
      const due = first <= now ? slots.due(last, now) : [];
      const next = first <= now ? slots.next(now) : plan.upcoming.slot;
      for (const slot of due) {
        if (this.#stopped) return 0;
        const fired = await timetable.fire(queue, {
          task,
          next,
          due: { slot, ...callOf(plan, slot) },
        });
        this.#log.debug({ task, slot: new Date(slot).toISOString(), outcome: fired }, "a slot was due");
      }
      if (due.length === 0 && (entry === undefined || entry.next !== next)) await timetable.fire(queue, { task, next });
      // After something was done, time has passed: it is looked at again.
      waitMs = Math.min(waitMs, due.length > 0 ? 0 : (next ?? Infinity) - now);
    }
    return waitMs;
  }
}

async function planOf(declaration: Declaration): Promise<Plan> {
  const schedule = declaration.task.schedule!;
  try {
    const args = declaration.paramNames.map((name) => schedule.params?.[name]);
    const params = nameArguments(declaration, args);
    const parsed = declaration.params.pass(params);
    // What can't be carried would keep each of its slots from being fired.
    encode({ params });
    const limitKeys = declaration.limited ? limitKeysOf(declaration.task, parsed) : undefined;
    return { declaration, schedule, params, slots: await slotsOf(schedule), limitKeys };
  } catch (thrown) {
    const { reason } = TaskError.from(thrown, "invalid_argument");
    throw new TaskError("invalid_argument", `its schedule: ${reason}`, { task: declaration.name, cause: thrown });
  }
}

/** The call of a slot: all workers make the same one. */
function callOf({ declaration, schedule, params, limitKeys }: Plan, slot: number) {
  const { name, owner, task, atMostOnce } = declaration;
  const { jitterMs = 0, overlap = "skip" } = schedule;
  const id = slotId(name, slot);
  const { priority = "normal", keepRequest = false, maxDeliveries = 0 } = task;
  const version = atMostOnce ? atMostOnceVersion : protocolVersion;
  const delivery = { version, atMostOnce, maxDeliveries };
  const header = newHeader({ ...delivery, priority, keepRequest, fingerprint: fingerprintOf(name, params), limitKeys });
  const record = writeRequest(header, { task: name, params, of: owner });
  return { id, record, overlap, queuedAt: slot + Math.floor(partOf(id) * jitterMs) };
}

/** A part of 1 that is always the same for an id, and evenly spread over ids. */
function partOf(id: string): number {
  return createHash("sha256").update(id).digest().readUInt32BE(0) / 2 ** 32;
}
