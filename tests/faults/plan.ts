import type { Death } from "./seams.ts";
import type { Name } from "./tasks.ts";

/** What a worker's process is to be like; what is left out is as the runtime has it. */
export interface WorkerPlan {
  readonly url: string;
  readonly namespace: string;
  /** Where its journal goes. */
  readonly folder: string;
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
