import type { Figure } from "../figure.ts";
import { calls1, calls100, calls1000 } from "./calls.ts";
import { million } from "./million.ts";
import { big, queues100, queuesMixed, slow10, slow1000, workers8 } from "./mixed.ts";
import { local, memory, startUp } from "./process.ts";
import { depth, drained, submit } from "./queue.ts";

/** Figures of additions, in the order of the table. */
export const compared: readonly Figure[] = [
  calls1,
  calls100,
  calls1000,
  submit,
  drained,
  depth,
  million,
  local,
  startUp,
  memory,
];

/** Figures of loads that batching could make worse: a table of their own. */
export const mixed: readonly Figure[] = [big, slow10, slow1000, queuesMixed, queues100, workers8];
