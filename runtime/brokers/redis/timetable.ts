import { type Fired, firedOutcomes, type Firing, type Timetable, type TimetableEntry } from "../../timetable.ts";
import { pauseScript } from "./scripts/pause.ts";
import { schedulesScript } from "./scripts/schedules.ts";
import { bufferOf } from "./stored.ts";
import type { RunScript } from "./submissions.ts";

/** Where a broker on Redis keeps which slots were fired. */
export class RedisTimetable implements Timetable {
  readonly #run: RunScript;

  constructor(run: RunScript) {
    this.#run = run;
  }

  async read(queue: string): Promise<{ now: number; entries: ReadonlyMap<string, TimetableEntry> }> {
    const [now, ...rest] = ((await this.#run(schedulesScript, queue, () => [])) as readonly Buffer[]).map(String);
    const entries = new Map<string, TimetableEntry>();
    for (let at = 0; at + 4 < rest.length; at += 5) {
      const [task = "", last, next = "", call, paused] = rest.slice(at);
      entries.set(task, {
        last: Number(last),
        next: next === "" ? undefined : Number(next),
        call: call === "" ? undefined : call,
        paused: paused === "1",
      });
    }
    return { now: Number(now), entries };
  }

  async fire(queue: string, { task, next, due }: Firing): Promise<Fired> {
    // Workers alone fire.
    const { fireScript } = await import("./scripts/fire.ts");
    const slot =
      due === undefined
        ? [""]
        : [due.slot, due.id, bufferOf(due.record), due.queuedAt, due.overlap === "skip" ? "1" : ""];
    const outcome = (await this.#run(fireScript, queue, () => [task, next ?? "", ...slot])) as number;
    return firedOutcomes[outcome]!;
  }

  async pause(queue: string, task: string, paused: boolean): Promise<void> {
    await this.#run(pauseScript, queue, () => [task, paused ? "1" : ""]);
  }
}
