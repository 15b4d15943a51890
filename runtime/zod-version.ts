import { version } from "zod/v4/core";

/** A release of zod, as zod states its own. */
export interface ZodVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/**
 * The oldest zod that passes the tests. Before it, `z.partialRecord` can't be told from `z.record`, a missing key of
 * `z.unknown()` is accepted, and 4.0 has no `$ZodObjectJIT`.
 */
export const oldestZod = "4.5.0";

/** Whether a release is too old. */
export function isTooOld({ major, minor, patch }: ZodVersion): boolean {
  const oldest = oldestZod.split(".").map(Number);
  const found = [major, minor, patch];
  const differing = found.findIndex((part, index) => part !== oldest[index]);
  return differing !== -1 && found[differing]! < oldest[differing]!;
}

/** `4.0.17`. */
export function versionText({ major, minor, patch }: ZodVersion): string {
  return `${major}.${minor}.${patch}`;
}

// At import: an old zod would have schemas read wrongly.
if (isTooOld(version))
  throw new Error(
    `taskpact needs zod ${oldestZod} or newer, and finds ${versionText(version)}; update it: npm install zod@latest`,
  );
