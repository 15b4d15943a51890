import type { RetryWish } from "../backoff.ts";
import type { WireError } from "../envelope.ts";
import type { LogLevel } from "../log.ts";
import { ownMessages } from "../own-message.ts";

/*
 * What a pool and its members say to each other: plain data and bytes, the same for threads and processes. A member has
 * one thing to do at a time, so that nothing needs a number.
 */

/** Where a handler is: functions can't be sent. */
export interface Whereabouts {
  /** The URL of the module that exports the implementation. */
  readonly module: string;
  /** The contract that it implements, in whole or in part. */
  readonly contract: string;
}

/** An attempt to be made. */
export interface RunMessage extends Whereabouts {
  readonly kind: "run";
  /** The task's name in its contract. */
  readonly task: string;
  /** The request's record, whose parameters the member unpacks and checks. */
  readonly record: Uint8Array;
  /** Whether the reply is to hold the request. */
  readonly keepRequest: boolean;
  /** The queue that the process of its worker or client alone serves, if it has one. */
  readonly nodeQueue: string | undefined;
  readonly callId: string;
  readonly attempt: number;
  readonly fence: number;
  readonly limitMs: number;
  readonly limitedByCall: boolean;
  /** The largest progress, bytes as encoded. */
  readonly maxBytes: number;
}

/** What a member is told. */
export type ToMember =
  /** To import a module, and to say whether it can be and has the handlers of these tasks. */
  | ({ readonly kind: "look"; readonly tasks: readonly string[] } & Whereabouts)
  | RunMessage
  /** What runs is to end: its signal aborts. */
  | { readonly kind: "abort"; readonly error: WireError };

/** What a member says. */
export type FromMember =
  /** The module is there, and its handler begins next. */
  | { readonly kind: "ready" }
  /** It has no such handler, and why. */
  | { readonly kind: "missing"; readonly reason: string }
  | { readonly kind: "progress"; readonly value: Uint8Array }
  | {
      readonly kind: "log";
      readonly level: Exclude<LogLevel, "silent">;
      readonly fields: object;
      readonly message: string;
    }
  /** The handler is done: the reply's record, whose header is still to be filled. */
  | {
      readonly kind: "ended";
      readonly ok: boolean;
      readonly record: Uint8Array;
      readonly wish?: RetryWish | undefined;
    };

/** Whether a member's message is one of these: its handlers may post others. */
export const isFromMember = ownMessages<FromMember>({
  ready: true,
  missing: true,
  progress: true,
  log: true,
  ended: true,
});
