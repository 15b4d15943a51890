/** How long a task's name may be on the wire, bytes. */
const longestName = 255;

/**
 * Whether a text can be the name of a task on the wire: of 1 to 255 bytes, without blanks and control characters, which
 * part names in lists of them. Names that begin with `@` are the protocol's own.
 */
export function isTaskName(value: unknown): value is string {
  return (
    typeof value === "string" &&
    value.length > 0 &&
    value.length <= longestName &&
    !value.startsWith("@") &&
    !/[\s\p{Cc}\p{Cs}]/u.test(value) &&
    Buffer.byteLength(value) <= longestName
  );
}
