/*
 * Ids that others have made need not be UTF-8. Here they are strings all the same, from which their bytes can be made
 * again: each byte from 0x80 on of such an id stands as a lone surrogate (U+DC80 to U+DCFF), which no other id holds.
 */

/** Bytes as text. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!text.includes("\uFFFD") || Buffer.from(text).equals(bytes)) return text;
  return bytes
    .toString("latin1")
    .replaceAll(/[\u0080-\u00FF]/g, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/** The bytes of a text, of one that {@link textOf} has made, too. */
export function bytesOf(text: string): Buffer {
  if (!/\p{Cs}/u.test(text)) return Buffer.from(text);
  const parts = text.split(/([\uDC80-\uDCFF]+)/u);
  return Buffer.concat(parts.map((part, at) => (at % 2 === 0 ? Buffer.from(part) : escaped(part))));
}

function escaped(part: string): Buffer {
  return Buffer.from(Array.from(part, (unit) => unit.charCodeAt(0) - 0xdc00));
}
