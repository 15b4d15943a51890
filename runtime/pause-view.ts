import type { Broker } from "./broker.ts";
import type { Declaration } from "./declaration.ts";
import { performance } from "./real-time.ts";
import { SharedLooks } from "./shared-looks.ts";

/** How long what was seen last is told without another look, ms: by then whoever waits looks again. */
const freshMs = 6_000;

/** What a client knows of pauses: asked for calls that wait long, so that their errors can say so. */
export class PauseView {
  readonly #looks: SharedLooks<{ readonly queue: boolean; readonly tasks: readonly string[] } | undefined>;

  constructor(broker: Broker) {
    this.#looks = new SharedLooks(async (queue) => broker.operator?.paused(queue));
  }

  /** Looks, unless that was done since. A broker that is away is nobody's pause. */
  async look({ queue }: Declaration, since: number): Promise<void> {
    await this.#looks.since(queue, since).catch(() => undefined);
  }

  /** What is paused of a task, as far as that was seen lately and since a time: words for a reader, undefined for nothing. */
  known({ queue, name }: Declaration, since: number): string | undefined {
    const seen = this.#looks.last(queue, Math.max(since, performance.now() - freshMs));
    if (seen?.queue === true) return `queue "${queue}" is paused`;
    return seen?.tasks.includes(name) === true ? `task ${name} is paused` : undefined;
  }
}
