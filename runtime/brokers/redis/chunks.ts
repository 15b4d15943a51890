/** How many items one script call takes. */
export const mostItems = 250;
/** How many bytes of them, unless one is larger: a slow line carries so much, and brings its reply, before it seems dead. */
export const mostBytes = 262_144;

/** Parts of a list, each for one script call: others wait for as long as one runs. */
export function chunked<Item>(items: readonly Item[], sizeOf: (item: Item) => number): readonly (readonly Item[])[] {
  const chunks: (readonly Item[])[] = [];
  let from = 0;
  let bytes = 0;
  for (let at = 0; at < items.length; at++) {
    const size = sizeOf(items[at]!);
    if (at > from && (at - from >= mostItems || bytes + size > mostBytes)) {
      chunks.push(items.slice(from, at));
      from = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (from === 0) return items.length === 0 ? [] : [items];
  return [...chunks, items.slice(from)];
}
