import { task } from "taskpact";
import * as z from "zod";

/** Counts the words, characters and lines of a text. */
export const wordCount = task({
  params: { text: z.string() },
  result: z.object({ words: z.int(), characters: z.int(), lines: z.int() }),
});

const Revision = z.object({
  /** Counts up over all revisions there ever were, and so outgrows a number. */
  number: z.bigint().nonnegative(),
  savedAt: z.date(),
  /** Paragraphs by their ids, in the order of the document. */
  paragraphs: z.map(z.string(), z.string()),
  authors: z.set(z.string()),
  /** What the paragraphs refer to: a small image, a font. */
  attachment: z.instanceof(Uint8Array).optional(),
  review: z
    .object({
      by: z.string(),
      verdict: z.enum(["accepted", "declined"]).optional(),
      note: z.object({ text: z.string(), at: z.date().optional() }).optional(),
    })
    .optional(),
});

/**
 * Merges two revisions of a document that were edited apart.
 *
 * Paragraphs that just one of them has are kept; of those that both changed, the later revision's. The attachment and
 * the review are the later revision's, if it has any.
 */
export const mergeRevisions = task({
  params: { ours: Revision, theirs: Revision },
  result: z.object({
    revision: Revision,
    /** The ids of the paragraphs in which they differed. */
    conflicts: z.set(z.string()),
    /** How much later the later one was saved, ms. */
    apartMs: z.number(),
  }),
  errors: { sameRevision: z.object({ number: z.bigint() }) },
});
