import { type LockAnswer, type LockOwner, type Locks, type LockWish, localLifeMs } from "../../locks.ts";
import type { Argument } from "./resp.ts";
import { lockScript } from "./scripts/lock.ts";
import { unlockScript } from "./scripts/unlock.ts";
import type { RunScript } from "./submissions.ts";
import { ttlOf } from "./ttl.ts";

/** Where a broker on Redis keeps who holds which lock. */
export class RedisLocks implements Locks {
  readonly #run: RunScript;

  constructor(run: RunScript) {
    this.#run = run;
  }

  async take(queue: string, name: string, { owner, inLine, keptMs }: LockWish): Promise<LockAnswer> {
    const args = [name, ...ownerArgs(owner), ttlOf(keptMs), inLine ? "1" : "", localLifeMs];
    const reply = (await this.#run(lockScript, queue, () => args)) as Buffer | null;
    if (reply === null) return { outcome: "lost" };
    return reply.length === 0 ? { outcome: "busy" } : { outcome: "taken", fence: Number(reply) };
  }

  async leave(queue: string, name: string, owner: LockOwner): Promise<void> {
    await this.#run(unlockScript, queue, () => [name, ...ownerArgs(owner)]);
  }
}

function ownerArgs({ id, fence, nth }: LockOwner): readonly Argument[] {
  return [id, fence, nth];
}
