import type { Pausable } from "../runtime/pauses.ts";
import { UsageError } from "./exit-code.ts";
import { print } from "./output.ts";
import { type CommonOptions, type Session, withSession } from "./session.ts";

interface PauseFlags extends CommonOptions {
  readonly queue?: string | undefined;
}

/** Lets no more calls of a task or a queue be started; without either, tells what is paused. */
export async function pause(options: PauseFlags, task?: string): Promise<void> {
  await withSession(options, async (session) => {
    if (task === undefined && options.queue === undefined) {
      const { tasks, queues } = await session.client.paused();
      const lines = [...queues.map((name) => `queue ${name}`), ...tasks.map((name) => `task ${name}`)];
      print(options, { tasks, queues }, () => (lines.length === 0 ? "nothing is paused" : lines.join("\n")));
      return;
    }
    const what = pausable(session, options, task);
    await session.client.pause(what);
    print(options, { ...what, paused: true }, () => "paused");
  });
}

/** Goes on with what was paused. */
export async function resume(options: PauseFlags, task?: string): Promise<void> {
  await withSession(options, async (session) => {
    const what = pausable(session, options, task);
    await session.client.resume(what);
    print(options, { ...what, paused: false }, () => "goes on");
  });
}

function pausable({ find }: Session, { queue }: PauseFlags, task: string | undefined): Pausable {
  if (task !== undefined && queue === undefined) return { task: find(task).name };
  if (queue !== undefined && task === undefined) return { queue };
  throw new UsageError("name a task or a queue", "taskpact pause addition, or taskpact pause --queue math");
}
