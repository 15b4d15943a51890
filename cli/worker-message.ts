/** What the processes of `taskpact worker` tell each other. */
import type { LogFormat } from "../runtime/log.ts";
import { ownMessages } from "../runtime/own-message.ts";

/** How a worker's process is to run: told and not written into its command line, as a broker's URL may hold a password. */
export interface WorkerOrder {
  /** Absolute. */
  readonly module: string;
  readonly broker: string;
  /** The project's configuration, absolute, where the broker may be one that it registers. */
  readonly config: string | undefined;
  readonly namespace: string | undefined;
  readonly concurrency: number | undefined;
  /** After how many calls it gives way to a fresh process. */
  readonly maxCalls: number | undefined;
  readonly nodeQueue: boolean | string | undefined;
  readonly graceMs: number;
  readonly schedule: boolean;
  /** @default text on a terminal, JSON elsewhere */
  readonly logFormat: LogFormat | undefined;
}

/** To a worker's process. */
export type ToMember =
  | { readonly kind: "run"; readonly order: WorkerOrder }
  /** Lets running calls finish within the grace, and ends. */
  | { readonly kind: "stop" }
  /** Ends at once. */
  | { readonly kind: "hurry" };

/** From a worker's process. */
export type FromMember =
  /** Its module is loaded, its worker made. */
  | { readonly kind: "fit" }
  /** It can't run, and no other process with this order could. */
  | { readonly kind: "unfit"; readonly reason: string }
  /** It has run its number of calls: it claims no more, and ends when those that run are done. */
  | { readonly kind: "full" };

/** Whether a message to a worker's process is one of these. */
export const isToMember = ownMessages<ToMember>({ run: true, stop: true, hurry: true });
/** Whether a message from a worker's process is one of these: its handlers may send others. */
export const isFromMember = ownMessages<FromMember>({ fit: true, unfit: true, full: true });
