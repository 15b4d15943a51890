import { task } from "taskpact";
import * as z from "zod";

const shape = { params: { text: z.string(), ms: z.number() }, result: z.string() };

/** Computes for a while, in a thread. */
export const inThread = task({ ...shape, cpu: true });
export const inProcess = task({ ...shape, cpu: "process" });
/** The same in the event loop, to compare. */
export const inLoop = task({ ...shape, queue: "bench-loop" });
/** What the event loop has to do besides. */
export const small = task({ params: {}, result: z.null() });
