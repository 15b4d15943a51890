/** Text of Node 20, which the library of ES2023 does not know. */
interface Text {
  isWellFormed(): boolean;
  toWellFormed(): string;
}

/** Whether a text holds no lone surrogate, for which UTF-8 has no bytes. */
export function isWellFormed(text: string): boolean {
  return (text as string & Text).isWellFormed();
}

/** A text with U+FFFD in place of each lone surrogate. */
export function wellFormed(text: string): string {
  return (text as string & Text).toWellFormed();
}
