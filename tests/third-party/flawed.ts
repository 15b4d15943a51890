import type {
  Beat,
  BeatReply,
  ClaimedBatch,
  ClaimRequest,
  Report,
  SubmitBatch,
  Submitted,
  Verdict,
} from "taskpact/broker";
import { ShelfBroker } from "./broker.ts";

/** Takes the report of whoever once held a call, as a broker does that looks at ids and not at fences. */
export class FencelessShelf extends ShelfBroker {
  /** Of all connections: the last fence of each call. */
  static readonly #fences = new Map<string, number>();

  override async claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    const batches = await super.claim(request);
    for (const { fence, calls } of batches) for (const { id } of calls) FencelessShelf.#fences.set(id, fence);
    return batches;
  }

  override finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    const last = (report: Report): Report => ({
      ...report,
      fence: FencelessShelf.#fences.get(report.id) ?? report.fence,
    });
    return super.finish(queue, reports.map(last));
  }
}

/** Says of a batch's last call that it is accepted, and has lost it. */
export class LosingShelf extends ShelfBroker {
  override async submit(queue: string, batch: SubmitBatch): Promise<readonly Submitted[]> {
    if (batch.calls.length < 2) return super.submit(queue, batch);
    const kept = await super.submit(queue, { ...batch, calls: batch.calls.slice(0, -1) });
    return [...kept, { outcome: "accepted" }];
  }
}

/** Says that a call is taken back, and lets it run. */
export class UnrevokingShelf extends ShelfBroker {
  override async revoke(queue: string, id: string): Promise<boolean> {
    return (await this.read(queue, [id]))[0]?.state === "queued";
  }
}

/** Never takes back what dead workers hold. */
export class HoardingShelf extends ShelfBroker {
  override renew(beat: Beat): Promise<BeatReply> {
    return super.renew({ ...beat, reap: false });
  }
}
