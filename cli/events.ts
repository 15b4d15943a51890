import { TaskError } from "../runtime/errors.ts";
import type { EventKind } from "../runtime/events.ts";
import { onStopSignals } from "../runtime/signals.ts";
import { jsonText } from "./json.ts";
import { print } from "./output.ts";
import { type CommonOptions, withSession } from "./session.ts";

interface EventFlags extends CommonOptions {
  readonly kind?: readonly EventKind[] | undefined;
  readonly queue?: string | undefined;
}

/** Prints what happens, a line each, until it is interrupted. */
export async function follow(options: EventFlags, task?: string): Promise<void> {
  await withSession(options, async ({ client, find }) => {
    const { queue } = options;
    const filter = task === undefined ? { queue } : { task: find(task).name, queue };
    const stream = client.events.stream(options.kind, filter);
    // A stream that waits for its next event is ended by its client alone.
    const undo = onStopSignals(() => void client.close());
    try {
      for await (const event of stream) print(options, event, () => eventText(event));
    } finally {
      undo();
    }
  });
}

/** `09:05:01.042 retrying  math.division 0Qx3… attempt=1 error="[failed] …"`. */
function eventText(event: object): string {
  const { kind, at, task, id, error, ...rest } = event as Readonly<Record<string, unknown>>;
  const time = new Date(typeof at === "number" ? at : Date.now()).toISOString().slice(11, 23);
  const more = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : jsonText(value)}`,
  );
  const reason = error === undefined ? [] : [`error=${JSON.stringify(messageOf(error))}`];
  const about = [task, id].flatMap((part) => (typeof part === "string" ? [part] : []));
  return [time, String(kind).padEnd(10), ...about, ...more, ...reason].join(" ");
}

function messageOf(error: unknown): string {
  return error instanceof TaskError
    ? error.message
    : ((error as { readonly message?: string }).message ?? String(error));
}
