import type { Report } from "./broker.ts";
import { stateOf } from "./header.ts";
import type { Rates } from "./overview.ts";
import { performance } from "./real-time.ts";

/** Of how long the rates are, ms. */
const windowMs = 10_000;

type Counts = { -readonly [Outcome in keyof Rates]: number };

/** What has ended until a time. */
interface Mark {
  readonly at: number;
  readonly counts: Readonly<Counts>;
}

/** How many attempts of a worker end a second, by queue: counted as they are reported, and told with its beats. */
export class Throughput {
  readonly #counts = new Map<string, Counts>();
  readonly #marks = new Map<string, Mark[]>();
  readonly #begun = performance.now();

  /** Attempts have ended. */
  ended(queue: string, reports: readonly Report[]): void {
    let counts = this.#counts.get(queue);
    if (counts === undefined) this.#counts.set(queue, (counts = none()));
    for (const report of reports) {
      if (report.kind === "finish") counts[stateOf(report.record) === "succeeded" ? "succeeded" : "failed"]++;
      else if (report.kind === "retry") counts.retried++;
      else if (report.kind === "park") counts.failed++;
    }
  }

  /** The rates of the last ten seconds; to be asked at each beat. */
  perSecond(queue: string): Rates {
    const now = performance.now();
    const counts = this.#counts.get(queue) ?? none();
    let marks = this.#marks.get(queue);
    if (marks === undefined) this.#marks.set(queue, (marks = [{ at: this.#begun, counts: none() }]));
    while (marks.length > 1 && marks[1]!.at <= now - windowMs) marks.shift();
    const [{ at, counts: before }] = marks as [Mark];
    marks.push({ at: now, counts: { ...counts } });
    const seconds = Math.max(now - at, 1_000) / 1_000;
    const rate = (outcome: keyof Rates): number =>
      Math.round(((counts[outcome] - before[outcome]) / seconds) * 10) / 10;
    return { succeeded: rate("succeeded"), failed: rate("failed"), retried: rate("retried") };
  }
}

function none(): Counts {
  return { succeeded: 0, failed: 0, retried: 0 };
}
