import type { RedisOptions } from "ioredis";
import type { Beat, BeatReply, ClaimedBatch, ClaimRequest, Keepers, Report, Verdict } from "../../broker.ts";
import { TaskError } from "../../errors.ts";
import { renewAll } from "./beats.ts";
import { Claims, type ClaimSettings } from "./claims.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { keepersOf } from "./keeper/keepers.ts";
import { type ReportChunk, reportChunks } from "./reports.ts";
import type { RunScript } from "./submissions.ts";

/** What the side of workers needs of its broker. */
export interface WorkerSideSettings extends ClaimSettings {
  readonly run: RunScript;
  /** What a keeper connects with. */
  readonly keeper: { readonly options: RedisOptions; readonly connection: ConnectionSettings };
}

/** What workers alone ask of a broker on Redis. It is loaded when it is first asked, so that clients don't have it. */
export class WorkerSide {
  readonly #settings: WorkerSideSettings;
  readonly #claims: Claims;

  constructor(settings: WorkerSideSettings) {
    this.#settings = settings;
    this.#claims = new Claims(settings);
  }

  keepers(): Promise<Keepers> {
    const { namespace, keeper } = this.#settings;
    return keepersOf(keeper.options, namespace, keeper.connection);
  }

  claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    return this.#claims.claim(request);
  }

  finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    let chunks: readonly ReportChunk[];
    try {
      chunks = reportChunks(reports);
    } catch (refused) {
      return Promise.reject(TaskError.from(refused, "internal"));
    }
    // Mostly there is one.
    if (chunks.length === 1)
      return this.#report(queue, chunks[0]!).then((refused) => verdictsOf(reports.length, chunks, [refused]));
    return Promise.all(chunks.map((chunk) => this.#report(queue, chunk))).then((refused) =>
      verdictsOf(reports.length, chunks, refused),
    );
  }

  #report(queue: string, { script, args }: ReportChunk): Promise<readonly number[]> {
    return this.#settings.run(script, queue, () => args) as Promise<readonly number[]>;
  }

  async renew(beat: Beat): Promise<BeatReply> {
    this.#settings.clock.look();
    // With its last beat, a worker claims no more.
    if (beat.presenceMs === 0) await this.#claims.giveBackLost(beat.worker);
    return renewAll(this.#settings.run, beat);
  }

  close(): Promise<void> {
    return this.#claims.close();
  }
}

/** @param refused - of each chunk, the places of the reports that were not taken. */
function verdictsOf(
  reports: number,
  chunks: readonly ReportChunk[],
  refused: readonly (readonly number[])[],
): readonly Verdict[] {
  const verdicts = Array.from({ length: reports }, (): Verdict => "accepted");
  for (const [nth, { indexes }] of chunks.entries())
    for (const at of refused[nth]!) verdicts[indexes?.[at] ?? at] = "refused";
  return verdicts;
}
