import type { Figure } from "../figure.ts";
import { median } from "../results.ts";

/** What a call costs that runs in its caller's process, above the parses that its gates are. */
export const local: Figure = {
  name: "local",
  only: ["taskpact"],
  metrics: [
    { key: "callUs", label: "a local addition, µs", digits: 2 },
    { key: "overUs", label: "… over zod's bare parses, µs", digits: 2 },
  ],
  async measure(lab) {
    const { callUs, parsesUs } = await lab.alone("local");
    return { callUs: callUs!, overUs: callUs! - parsesUs! };
  },
};

/** From the start of a caller's process to its first answer, and to where it has imported zod, without what Node itself takes to start. */
export const startUp: Figure = {
  name: "start-up",
  only: ["taskpact"],
  metrics: [
    { key: "ms", label: "import to first answered call, ms", digits: 0 },
    { key: "zodMs", label: "… of which zod's own import, ms", digits: 0 },
  ],
  async measure(lab, name) {
    await lab.start(name, "worker");
    const times: Record<"nothing" | "zod" | "start", number[]> = { nothing: [], zod: [], start: [] };
    // How long the system takes to start a process varies by more than what is to be told.
    for (let round = 0; round < 7; round++) {
      for (const [what, taken] of Object.entries(times)) taken.push((await lab.alone(what)).ms!);
    }
    const nothing = median(times.nothing);
    return { ms: median(times.start) - nothing, zodMs: median(times.zod) - nothing };
  },
};

const many = 1_000_000;
const settled = 100_000;

/** Whether memory stays flat: a million calls through one caller and one worker. */
export const memory: Figure = {
  name: "memory",
  only: ["taskpact"],
  most: 1,
  metrics: [
    { key: "workerGrowth", label: "worker's heap after 1,000,000 calls, of that after 100,000", digits: 3 },
    { key: "callerGrowth", label: "caller's heap after 1,000,000 calls, of that after 100,000", digits: 3 },
    { key: "workerMb", label: "worker's heap after 1,000,000 calls, MB", digits: 1 },
  ],
  async measure(lab, name) {
    const worker = await lab.start(name, "worker", ["--expose-gc"]);
    const caller = await lab.start(name, "caller", ["--expose-gc"]);
    const heaps: { worker: number; caller: number }[] = [];
    for (const count of [settled, many - settled]) {
      await caller.ask({ kind: "calls", inFlight: 100, count });
      const [ofWorker, ofCaller] = await Promise.all([worker.ask({ kind: "heap" }), caller.ask({ kind: "heap" })]);
      heaps.push({ worker: ofWorker["heapBytes"]!, caller: ofCaller["heapBytes"]! });
    }
    const [early, late] = heaps;
    return {
      workerGrowth: late!.worker / early!.worker,
      callerGrowth: late!.caller / early!.caller,
      workerMb: late!.worker / 1e6,
    };
  },
};
