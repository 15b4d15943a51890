// Generated from the contracts. Do not edit: change a contract and run `npm run gen`.
/* eslint-disable */

/** What the contracts say of their tasks, by the names on the wire. */
export const docs: { readonly [name: string]: string } = {
  "math.addition": "Adds two numbers.",
  "math.division": "Divides one number by another.",
  "math.subtraction": "Subtracts the second number from the first.",
  "orders.cancelOrder": "Cancels an order that has not been shipped; `refund` is what goes back.",
  "orders.place": "Places an order: reserves its goods, takes its payment, and confirms it.",
  "orders.quote": "What an order of these lines would cost, by line and in all; reserves nothing.",
  "text.mergeRevisions": "Merges two revisions of a document that were edited apart.\n\nParagraphs that just one of them has are kept; of those that both changed, the later revision's. The attachment and\nthe review are the later revision's, if it has any.",
  "text.wordCount": "Counts the words, characters and lines of a text.",
  "timing.asynchronous": "Waits, without blocking, and answers how long it really took, ms.",
};
