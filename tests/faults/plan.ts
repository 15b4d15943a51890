import type { Death } from "./seams.ts";
import type { Name } from "./tasks.ts";

/** Where a process plays. */
export interface PlacePlan {
  readonly url: string;
  readonly namespace: string;
  /** Where its journal goes. */
  readonly folder: string;
}

/** What a worker's process is to be like; what is left out is as the runtime has it. */
export interface WorkerPlan extends PlacePlan {
  /** @default all of them, in two queues */
  readonly tasks?: readonly Name[] | undefined;
  readonly concurrency?: number | undefined;
  readonly leaseMs?: number | undefined;
  readonly maxDeliveries?: number | undefined;
  readonly graceMs?: number | undefined;
  /** @default it dies by others' hands alone */
  readonly death?: Death | undefined;
  /** Whether it says "finishing" before the finish after which it dies, and waits for a word. */
  readonly asksBeforeDeath?: boolean | undefined;
}

/** What a caller's process does. */
export interface CallerPlan extends PlacePlan {
  readonly seed: number;
  /** The number of its first call, which has the id `c<number>`. */
  readonly first: number;
  /** When it dies: before its so-manieth batch is sent, while it is on its way, or when it is stored. @default not by itself */
  readonly death?: { readonly moment: "before" | "during" | "after"; readonly pass: number } | undefined;
}

/** What a caller's process does whose clock may be off. */
export interface ClockCallerPlan extends PlacePlan {
  readonly name: string;
  readonly seed: number;
  /** How many calls of each kind. */
  readonly calls: number;
  /** How long calls that wait do so, ms. */
  readonly waitMs: number;
  /** How long a long run takes, ms. */
  readonly longMs: number;
}

/** What a caller does that calls at a rate. */
export interface LoadPlan extends PlacePlan {
  readonly perSecond: number;
  readonly lastsMs: number;
  /** How long each call is worked on. */
  readonly workMs: number;
  readonly timeoutMs: number;
  readonly maxPending: number;
}

/** What it says at its end. */
export interface LoadTold {
  readonly made: number;
  readonly mostOpen: number;
  /** How calls ended: "ok", or the error's code. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** How far beyond its deadline the latest was settled, ms. */
  readonly worstMs: number;
  /** The longest that its event loop stood still, ms: no timer of its own runs while it does. */
  readonly loopMs: number;
  /** Whether a call that was made when all had ended was answered, and how long it took. */
  readonly recovered: boolean;
  readonly recoveredMs: number;
}
