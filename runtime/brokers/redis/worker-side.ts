import type { RedisOptions } from "ioredis";
import type { Beat, BeatReply, ClaimedBatch, ClaimRequest, Keepers, Report, Verdict } from "../../broker.ts";
import { renewAll } from "./beats.ts";
import { Claims, type ClaimSettings } from "./claims.ts";
import type { ConnectionSettings } from "./driver.ts";
import { keepersOf } from "./keeper/keepers.ts";
import { reportChunks } from "./reports.ts";
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

  keepers(): Keepers {
    const { namespace, keeper } = this.#settings;
    return keepersOf(keeper.options, namespace, keeper.connection);
  }

  claim(request: ClaimRequest): Promise<readonly ClaimedBatch[]> {
    return this.#claims.claim(request);
  }

  async finish(queue: string, reports: readonly Report[]): Promise<readonly Verdict[]> {
    const verdicts: Verdict[] = reports.map(() => "accepted");
    const running = reportChunks(reports).map(({ script, args, indexes }) =>
      this.#settings
        .run(script, queue, () => args)
        .then((refused) => {
          for (const at of refused as readonly number[]) verdicts[indexes?.[at] ?? at] = "refused";
        }),
    );
    await (running.length === 1 ? running[0] : Promise.all(running));
    return verdicts;
  }

  renew(beat: Beat): Promise<BeatReply> {
    return renewAll(this.#settings.run, beat);
  }

  close(): Promise<void> {
    return this.#claims.close();
  }
}
