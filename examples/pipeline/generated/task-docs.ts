// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */

/** What the contracts say of their tasks, by the names on the wire. */
export const docs: { readonly [name: string]: string } = {
  "readings.cut": "Finds where a file can be cut into chunks: between lines, some `chunkBytes` apart.",
  "readings.sumUp": "Sums up the readings of a chunk. That computes, and so runs in a thread: the worker's event loop stays free for all else.",
  "report.draw": "Draws a page with a chart. @returns the path of the page",
  "report.report": "Makes a report of measurements: reads all files in chunks, many at a time, and draws what they say.",
};
