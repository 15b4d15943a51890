import type { Broker } from "taskpact";
import { Wire } from "../../runtime/brokers/redis/wire.ts";
import type { Journal } from "./journal.ts";
import { overridden } from "./overridden.ts";

/** The steps between which a worker can die. */
export const seams = [
  "after the bell",
  "after the claim",
  "in the handler",
  "before the finish",
  "after the finish",
] as const;
export type Seam = (typeof seams)[number];

/** Where a worker is to die: at a seam, the so-manieth time that it comes there. */
export interface Death {
  readonly seam: Seam;
  readonly pass: number;
}

/** Ends this process at the given seam. */
export class Mortality {
  readonly #death: Death | undefined;
  #passes = 0;

  constructor(death: Death | undefined) {
    this.#death = death;
  }

  /** Whether it is time to die at this seam. */
  comes(seam: Seam): boolean {
    if (this.#death?.seam !== seam) return false;
    this.#passes += 1;
    return this.#passes >= this.#death.pass;
  }

  pass(seam: Seam): void {
    if (this.comes(seam)) die();
  }
}

/** Does not return. */
export function die(): void {
  process.kill(process.pid, "SIGKILL");
}

/** The bell is the broker's own business, and so is the claim that goes out with it. */
export function listenToBells(mortality: Mortality): void {
  const { sendTogether } = Wire.prototype;
  Wire.prototype.sendTogether = async function (this: Wire, commands) {
    const replies = await sendTogether.call(this, commands);
    const [rang] = replies;
    if (Array.isArray(rang) && /:bell(:nested)?$/.test(String(rang[0]))) mortality.pass("after the bell");
    return replies;
  };
}

/** What a worker asks before the finish with which it dies. */
export type BeforeLastFinish = () => Promise<void>;

/** A broker whose process may die before and after each step, and that writes down what it says of reports. */
export function seamed(broker: Broker, mortality: Mortality, journal: Journal, ask: BeforeLastFinish): Broker {
  return overridden(broker, {
    async claim(request) {
      const batches = await broker.claim(request);
      if (batches.length > 0) mortality.pass("after the claim");
      return batches;
    },
    async finish(queue, reports) {
      const last = reports.some(({ kind }) => kind === "finish") && mortality.comes("after the finish");
      if (reports.some(({ kind }) => kind === "finish")) mortality.pass("before the finish");
      if (last) await ask();
      const verdicts = await broker.finish(queue, reports);
      if (last) die();
      for (const [at, { id, fence, kind }] of reports.entries()) {
        journal.write({ what: verdicts[at]!, id, fence, kind });
      }
      return verdicts;
    },
  });
}
