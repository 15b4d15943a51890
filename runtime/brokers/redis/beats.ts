import type { Beat, BeatReply, FailedBeat } from "../../broker.ts";
import { encode } from "../../codec.ts";
import { TaskError } from "../../errors.ts";
import { reapScript } from "./scripts/reap.ts";
import { renewScript } from "./scripts/renew.ts";
import { bufferOf } from "./stored.ts";
import type { RunScript } from "./submissions.ts";

/** What one script call renews: Lua can't unpack many more. */
const fencesAtOnce = 1_000;

/** What a beat learned of one queue. */
interface QueueBeat {
  readonly lost: BeatReply["lost"];
  readonly reaped: number;
  readonly waiting: number;
  readonly failed: FailedBeat | undefined;
}

/**
 * A worker's beat on all its queues. A failure on one queue does not stop the others, and a failure to take back lapsed calls does not
 * undo the renewal of the worker's own leases.
 *
 * @throws TaskError as the port says, if the leases of no queue could be renewed.
 */
export async function renewAll(run: RunScript, beat: Beat): Promise<BeatReply> {
  const replies = await Promise.all(beat.queues.map((queue) => beatOne(run, queue, beat)));
  const failed = replies.flatMap((reply) => reply.failed ?? []);
  const [first] = failed;
  if (first !== undefined && replies.every((reply) => reply.failed?.kept === false)) throw first.error;
  return {
    lost: replies.flatMap(({ lost }) => lost),
    reaped: replies.reduce((sum, { reaped }) => sum + reaped, 0),
    waiting: replies.reduce((sum, { waiting }) => sum + waiting, 0),
    failed,
  };
}

/** First the worker's own leases: a late beat is not to take them back. */
async function beatOne(run: RunScript, queue: Beat["queues"][number], beat: Beat): Promise<QueueBeat> {
  const { name } = queue;
  let lost: BeatReply["lost"] = [];
  let kept = false;
  let reaped = 0;
  let waiting = 0;
  try {
    lost = await renew(run, queue, beat);
    kept = true;
    let more = beat.reap;
    while (more) {
      const reply = (await run(reapScript, name, () => [beat.maxDeliveries, beat.leaseMs])) as readonly number[];
      reaped += reply[0] ?? 0;
      more = reply[1] === 1;
      waiting = reply[2] ?? 0;
    }
    return { lost, reaped, waiting, failed: undefined };
  } catch (thrown) {
    return { lost, reaped, waiting, failed: { queue: name, error: TaskError.from(thrown, "internal"), kept } };
  }
}

/** @returns the fences that hold no call any more. */
async function renew(run: RunScript, queue: Beat["queues"][number], beat: Beat): Promise<BeatReply["lost"]> {
  const { name, tasks, fences, info } = queue;
  const presence = bufferOf(encode(info === undefined ? { tasks } : { tasks, info }));
  const lost: BeatReply["lost"][number][] = [];
  let at = 0;
  do {
    const some = fences.slice(at, at + fencesAtOnce);
    const args = [beat.worker, beat.leaseMs, beat.presenceMs, presence, ...some];
    const reply = (await run(renewScript, name, () => args)) as readonly Buffer[];
    for (const fence of reply) lost.push({ queue: name, fence: Number(fence) });
    at += fencesAtOnce;
  } while (at < fences.length);
  return lost;
}
