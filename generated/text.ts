// Generated from contracts/text.ts. Do not edit: change the contract and run `npm run gen`.
/* eslint-disable */
import {
  type Calls,
  type Contract,
  type Handlers,
  type Implementation,
  type SafeCalls,
  type Signature,
  type SubmitCalls,
  contractOf,
} from "taskpact/codegen";
import type * as contract from "../contracts/text.ts";
import * as declared from "../contracts/text.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/text.ts. */
export interface TextSignatures {
  /**
   * Merges two revisions of a document that were edited apart.
   *
   * Paragraphs that just one of them has are kept; of those that both changed, the later revision's. The attachment and
   * the review are the later revision's, if it has any.
   */
  mergeRevisions: Signature<(ours: { number: bigint; savedAt: Date; paragraphs: Map<string, string>; authors: Set<string>; attachment?: InstanceType<typeof Uint8Array> | undefined; review?: { by: string; verdict?: "accepted" | "declined" | undefined; note?: { text: string; at?: Date | undefined } | undefined } | undefined }, theirs: { number: bigint; savedAt: Date; paragraphs: Map<string, string>; authors: Set<string>; attachment?: InstanceType<typeof Uint8Array> | undefined; review?: { by: string; verdict?: "accepted" | "declined" | undefined; note?: { text: string; at?: Date | undefined } | undefined } | undefined }) => Promise<{ revision: { number: bigint; savedAt: Date; paragraphs: Map<string, string>; authors: Set<string>; attachment?: InstanceType<typeof Uint8Array> | undefined; review?: { by: string; verdict?: "accepted" | "declined" | undefined; note?: { text: string; at?: Date | undefined } | undefined } | undefined }; conflicts: Set<string>; apartMs: number }>, { ours: { number: bigint; savedAt: Date; paragraphs: Map<string, string>; authors: Set<string>; attachment?: InstanceType<typeof Uint8Array> | undefined; review?: { by: string; verdict?: "accepted" | "declined" | undefined; note?: { text: string; at?: Date | undefined } | undefined } | undefined }; theirs: { number: bigint; savedAt: Date; paragraphs: Map<string, string>; authors: Set<string>; attachment?: InstanceType<typeof Uint8Array> | undefined; review?: { by: string; verdict?: "accepted" | "declined" | undefined; note?: { text: string; at?: Date | undefined } | undefined } | undefined } }, { sameRevision: { number: bigint } }>;
  /** Counts the words, characters and lines of a text. */
  wordCount: Signature<(text: string) => Promise<{ words: number; characters: number; lines: number }>, { text: string }>;
}

export interface TextCalls extends Calls<typeof contract, TextSignatures> {}
export interface TextSafeCalls extends SafeCalls<typeof contract, TextSignatures> {}
export interface TextSubmitCalls extends SubmitCalls<typeof contract, TextSignatures> {}
export interface TextHandlersGiven<Given> extends Handlers<typeof contract, TextSignatures, Given> {}
export interface TextImplementation<Dependencies = {}> extends Implementation<TextSignatures, typeof contract, Dependencies> {}

export const textContract: Contract = contractOf("text", declared, [
  "mergeRevisions",
  "wordCount",
]);
