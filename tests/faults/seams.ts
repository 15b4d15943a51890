import { type ChainableCommander, Redis } from "ioredis";
import type { Broker } from "taskpact";
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

/** The bell is the driver's business: the broker has it and the claim in one step. It goes out together with what asks on. */
export function listenToBells(mortality: Mortality): void {
  const prototype = Redis.prototype as unknown as { pipeline: (...args: unknown[]) => ChainableCommander };
  const { pipeline } = prototype;
  prototype.pipeline = function (this: unknown, ...args: unknown[]) {
    const made = pipeline.apply(this, args);
    const exec = made.exec.bind(made);
    made.exec = async () => {
      const replies = await exec();
      const first = replies?.[0]?.[1];
      if (Array.isArray(first) && /:bell(:nested)?$/.test(String(first[0]))) mortality.pass("after the bell");
      return replies;
    };
    return made;
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
