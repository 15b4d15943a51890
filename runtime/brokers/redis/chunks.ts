const mostItems = 1_000;
const mostBytes = 4_194_304;

/** Parts of a list that one script call can take: Lua can't unpack many more items, and long commands block others. */
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
