/** How many keys are kept, and how long one may be, bytes. */
const places = 1_024;
const longest = 31;

/** Keys seen before, each at the place that a hash of its bytes gives. */
const texts: string[] = Array.from({ length: places }, () => "");
const lengths = new Uint8Array(places);
const bytes = new Uint8Array(places * (longest + 1));

/** How many keys were made anew, and not found among those seen before. */
export let newKeys = 0;

/**
 * A map's key, of 1 to 31 bytes: most records have the same few, and comparing bytes is cheaper than making a
 * string. Each place holds the last key only, so that hostile ones can do no more than miss.
 */
export function keyText(source: Buffer, at: number, length: number): string {
  const place =
    (length * 31 + source[at]! * 7 + source[at + length - 1]! * 131 + source[at + (length >> 1)]! * 17) & (places - 1);
  const kept = place * (longest + 1);
  if (lengths[place] === length) {
    let index = 0;
    while (index < length && bytes[kept + index] === source[at + index]) index++;
    if (index === length) return texts[place]!;
  }
  newKeys++;
  const text = source.toString("utf8", at, at + length);
  for (let index = 0; index < length; index++) bytes[kept + index] = source[at + index]!;
  lengths[place] = length;
  texts[place] = text;
  return text;
}
