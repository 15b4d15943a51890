/** Packed strings, by docs/protocol.md ("Scripts"). Nothing of Taskpact is imported here. */

/** Each string after its length, in four bytes. */
export function packed(...items: readonly (string | Buffer)[]): Buffer {
  const sized = items.flatMap((item) => {
    const bytes = Buffer.from(item as string);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(bytes.length);
    return [size, bytes];
  });
  return Buffer.concat(sized);
}

/** Ids and records, that come in turn. */
export function unpackedCalls(bytes: Buffer): readonly (readonly [id: string, record: Buffer])[] {
  const items: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at);
    items.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return items.flatMap((item, index) => (index % 2 === 0 ? [[String(item), items[index + 1]!] as const] : []));
}
