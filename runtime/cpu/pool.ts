import type { BoundTask } from "../bound-task.ts";
import { after, settles } from "../clock.ts";
import type { CpuKind } from "../contract.ts";
import { TaskError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { outside } from "../own-context.ts";
import { type Member, startMember, startMs } from "./member.ts";
import { type Place, placeOf } from "./place.ts";
import { type MemberLine, PooledAttempt, type PooledCall } from "./pooled-attempt.ts";
import type { PoolSettings } from "./pool-options.ts";
import { clearTimeout, setTimeout } from "../real-time.ts";

/** How long members that were killed are waited for, ms: native code may hold a thread. */
const farewellMs = 500;

/** One who waits for a member. */
interface Waiter {
  readonly place: Place;
  begin(member: Member): void;
}

/**
 * Threads and processes, in each of which one handler runs at a time. They are started when they are needed, closed when
 * they have been idle for a while, and one that dies takes nobody with it but the attempt that it ran.
 */
export class CpuPool implements MemberLine {
  readonly log: Logger;
  readonly #settings: PoolSettings;
  readonly #members = new Set<Member>();
  readonly #idle = new Map<Member, NodeJS.Timeout>();
  readonly #waiting: Waiter[] = [];
  #busy = 0;
  #stopped = false;

  constructor(settings: PoolSettings, log: Logger) {
    this.#settings = settings;
    this.log = log;
  }

  /** How many handlers run at a time. */
  get size(): number {
    return this.#settings.size;
  }

  /** How many more could begin at once. */
  get free(): number {
    return this.size - this.#busy - this.#waiting.length;
  }

  /** Runs an attempt when a member is free. */
  run(bound: BoundTask, call: PooledCall): PooledAttempt {
    return new PooledAttempt(this, bound, call);
  }

  /**
   * Has each module imported once, by a member as it will be.
   *
   * @throws TaskError `invalid_argument` that says which can't be, or lacks a handler.
   */
  async look(tasks: Iterable<BoundTask>): Promise<void> {
    const places = new Map<string, BoundTask[]>();
    for (const bound of tasks) {
      const { kind, module, contract } = placeOf(bound);
      const key = `${kind} ${module} ${contract}`;
      places.set(key, [...(places.get(key) ?? []), bound]);
    }
    const lookAll = async (kind: CpuKind): Promise<void> => {
      // One after the other: the first starts a member, which the rest use.
      for (const there of places.values()) if (placeOf(there[0]!).kind === kind) await this.#lookAt(there);
    };
    await Promise.all([lookAll("thread"), lookAll("process")]);
  }

  join(place: Place, begin: (member: Member) => void): () => void {
    const waiter = { place, begin };
    this.#waiting.push(waiter);
    this.#serve();
    return () => {
      const at = this.#waiting.indexOf(waiter);
      if (at >= 0) this.#waiting.splice(at, 1);
    };
  }

  leave(member: Member): void {
    this.#busy -= 1;
    member.attend(undefined);
    if (this.#stopped) member.kill();
    else if (member.alive) {
      this.#idle.set(member, setTimeout(() => this.#close(member), this.#settings.idleMs).unref());
    }
    this.#serve();
  }

  /** Ends all of them; resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const member of this.#members) this.#close(member);
    await settles(Promise.all([...this.#members].map(({ gone }) => gone)), farewellMs);
  }

  #serve(): void {
    while (this.#busy < this.size && !this.#stopped) {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) return;
      this.#busy += 1;
      waiter.begin(this.#take(waiter.place));
    }
  }

  #take(place: Place): Member {
    for (const [member, timer] of this.#idle) {
      if (member.kind !== place.kind) continue;
      clearTimeout(timer);
      this.#idle.delete(member);
      return member;
    }
    const gone = (dead: Member): void => {
      this.#members.delete(dead);
      clearTimeout(this.#idle.get(dead));
      this.#idle.delete(dead);
    };
    const member = outside(() => startMember(place, this.#settings, gone));
    this.#members.add(member);
    return member;
  }

  #close(member: Member): void {
    clearTimeout(this.#idle.get(member));
    this.#idle.delete(member);
    member.kill();
  }

  /** @param there - tasks that have the same place. */
  #lookAt(there: readonly BoundTask[]): Promise<void> {
    const bound = there[0]!;
    const place = placeOf(bound);
    const { module, contract } = place;
    return new Promise((resolve, reject) => {
      this.join(place, (member) => {
        const end = (fault?: string): void => {
          undo();
          this.leave(member);
          if (fault === undefined) resolve();
          else reject(lookError(bound, module, fault));
        };
        const undo = after(startMs, () => {
          member.kill();
          end(`it is not done after ${startMs} ms`);
        });
        member.attend({
          hear(message) {
            if (message.kind === "ready") end();
            else if (message.kind === "missing") end(message.reason);
          },
          died: (words) => end(words),
        });
        member.post({ kind: "look", module, contract, tasks: there.map(({ declaration }) => declaration.shortName) });
      });
    });
  }
}

function lookError({ declaration }: BoundTask, module: string, fault: string): TaskError {
  return new TaskError(
    "invalid_argument",
    `${declaration.name} can't run in a pool, for which ${module} is imported: ${fault}`,
  );
}
