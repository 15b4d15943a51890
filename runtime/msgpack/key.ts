/** Keys seen before, each at the place that a hash of its bytes gives. */
const keys: { readonly text: string; readonly bytes: Uint8Array }[] = [];
const places = 1_024;

/**
 * A map's key, of 1 to 31 bytes: most records have the same few, and comparing bytes is cheaper than making a
 * string. Each place holds the last key only, so that hostile ones can do no more than miss.
 */
export function keyText(source: Buffer, at: number, length: number): string {
  const place =
    (length * 31 + source[at]! * 7 + source[at + length - 1]! * 131 + source[at + (length >> 1)]! * 17) & (places - 1);
  const known = keys[place];
  if (known !== undefined && known.bytes.length === length) {
    let index = 0;
    while (index < length && known.bytes[index] === source[at + index]) index++;
    if (index === length) return known.text;
  }
  const text = source.toString("utf8", at, at + length);
  const bytes = new Uint8Array(length);
  source.copy(bytes, 0, at, at + length);
  keys[place] = { text, bytes };
  return text;
}
