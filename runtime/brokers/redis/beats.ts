import type { Beat, BeatReply } from "../../broker.ts";
import { encode } from "../../codec.ts";
import { TaskError } from "../../errors.ts";
import { reapScript } from "./scripts/reap.ts";
import { renewScript } from "./scripts/renew.ts";
import { bufferOf } from "./stored.ts";
import type { RunScript } from "./submissions.ts";

/** What one script call renews: Lua can't unpack many more. */
const fencesAtOnce = 1_000;

/**
 * A worker's beat, on all its queues: what is wrong with one keeps none of the others from being told.
 *
 * @throws TaskError as the port says, if it failed on all of them.
 */
export async function renewAll(run: RunScript, beat: Beat): Promise<BeatReply> {
  const answers = await Promise.allSettled(beat.queues.map((queue) => renewOne(run, queue, beat)));
  const replies: BeatReply[] = [];
  const failed: NonNullable<BeatReply["failed"]>[number][] = [];
  for (const [index, answer] of answers.entries()) {
    if (answer.status === "fulfilled") replies.push(answer.value);
    else failed.push({ queue: beat.queues[index]!.name, error: TaskError.from(answer.reason, "internal") });
  }
  if (replies.length === 0 && failed.length > 0) throw failed[0]!.error;
  return {
    lost: replies.flatMap(({ lost }) => lost),
    reaped: replies.reduce((sum, { reaped }) => sum + reaped, 0),
    waiting: replies.reduce((sum, { waiting }) => sum + waiting, 0),
    failed,
  };
}

/** First the worker's own leases: a late beat is not to take them back. */
async function renewOne(run: RunScript, queue: Beat["queues"][number], beat: Beat): Promise<BeatReply> {
  const { name, tasks, fences, info } = queue;
  const head = [
    beat.worker,
    beat.leaseMs,
    beat.presenceMs,
    bufferOf(encode(info === undefined ? { tasks } : { tasks, info })),
  ];
  const lost: BeatReply["lost"][number][] = [];
  let at = 0;
  do {
    const some = fences.slice(at, at + fencesAtOnce);
    const reply = (await run(renewScript, name, () => [...head, ...some])) as readonly Buffer[];
    for (const fence of reply) lost.push({ queue: name, fence: Number(fence) });
    at += fencesAtOnce;
  } while (at < fences.length);
  let reaped = 0;
  let waiting = 0;
  let more = beat.reap;
  while (more) {
    const reply = (await run(reapScript, name, () => [beat.maxDeliveries, beat.leaseMs])) as readonly number[];
    reaped += reply[0] ?? 0;
    more = reply[1] === 1;
    waiting = reply[2] ?? 0;
  }
  return { lost, reaped, waiting };
}
