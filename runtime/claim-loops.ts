import type { Broker, ServedQueue } from "./broker.ts";
import { Claims, type ClaimsSettings, type FreeSlots } from "./claims.ts";
import { SuspectTurn } from "./suspect-turn.ts";
import type { SuspectRoom } from "./suspect-window.ts";

/** Queues that are claimed from together, and for how many of their calls there is room. */
export interface QueueGroup {
  readonly queues: readonly ServedQueue[];
  /** One of which it claims only while {@link ClaimLoops.serve} says so. */
  readonly later?: ServedQueue | undefined;
  free(): FreeSlots;
}

/** A worker's loops of claims, one a group: what waits for room in one does not hold up the other. */
export class ClaimLoops {
  readonly #loops: readonly Claims[];
  readonly #later: { readonly loop: Claims; readonly queue: ServedQueue } | undefined;

  constructor(
    broker: Broker,
    settings: Omit<ClaimsSettings, "queues" | "free" | "over" | "takeSuspects">,
    groups: readonly QueueGroup[],
  ) {
    const turn = new SuspectTurn();
    const used = groups.filter(({ queues, later }) => queues.length > 0 || later !== undefined);
    this.#loops = used.map((group) => {
      // Alone, it needs no turn.
      const takeSuspects = (): SuspectRoom => {
        const room = settings.suspects();
        return room.most > 0 && (used.length === 1 || turn.take(group)) ? room : { ...room, most: 0 };
      };
      const free = (): FreeSlots => group.free();
      return new Claims(broker, {
        ...settings,
        queues: group.queues,
        free,
        takeSuspects,
        over: () => turn.over(group),
      });
    });
    const at = used.findIndex(({ later }) => later !== undefined);
    if (at !== -1) this.#later = { loop: this.#loops[at]!, queue: used[at]!.later! };
  }

  /** Claims from the queue of later, too, or no more. */
  serve(serves: boolean): void {
    const { loop, queue } = this.#later ?? {};
    if (queue === undefined) return;
    if (serves) loop?.serve(queue);
    else loop?.leave(queue.name);
  }

  /** Claims until they are stopped. */
  async run(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.run()));
  }

  /** Room may have become free. */
  freed(): void {
    for (const loop of this.#loops) loop.freed();
  }

  /** Makes the next claims over new connections. */
  reopen(): void {
    for (const loop of this.#loops) loop.reopen();
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
  }
}
