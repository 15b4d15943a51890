const mostItems = 250;
const mostBytes = 4_194_304;

/** Parts of a list, each for one script call: others wait for as long as one runs. */
export function chunked<Item>(items: readonly Item[], sizeOf: (item: Item) => number): Item[][] {
  const chunks: Item[][] = [];
  let bytes = mostBytes;
  for (const item of items) {
    const size = sizeOf(item);
    const last = chunks.at(-1);
    if (last === undefined || last.length >= mostItems || bytes + size > mostBytes) {
      chunks.push([item]);
      bytes = size;
    } else {
      last.push(item);
      bytes += size;
    }
  }
  return chunks;
}
