import { implementText } from "../../generated/index.ts";

export const text = implementText({
  wordCount: ({ text }) => ({
    words: text.match(/[\p{L}\p{N}'’-]+/gu)?.length ?? 0,
    characters: [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].length,
    lines: text === "" ? 0 : text.split(/\r\n|\r|\n/).length,
  }),

  mergeRevisions({ ours, theirs }, { errors }) {
    if (ours.number === theirs.number) throw errors.sameRevision({ number: ours.number });
    const [earlier, later] = ours.savedAt <= theirs.savedAt ? [ours, theirs] : [theirs, ours];
    const paragraphs = new Map([...earlier.paragraphs, ...later.paragraphs]);
    const conflicts = new Set(
      [...earlier.paragraphs.keys()].filter(
        (id) => later.paragraphs.has(id) && later.paragraphs.get(id) !== earlier.paragraphs.get(id),
      ),
    );
    const attachment = later.attachment ?? earlier.attachment;
    const review = later.review ?? earlier.review;
    return {
      revision: {
        number: (ours.number > theirs.number ? ours.number : theirs.number) + 1n,
        savedAt: later.savedAt,
        paragraphs,
        authors: new Set([...earlier.authors, ...later.authors]),
        ...(attachment !== undefined && { attachment }),
        ...(review !== undefined && { review }),
      },
      conflicts,
      apartMs: later.savedAt.getTime() - earlier.savedAt.getTime(),
    };
  },
});
