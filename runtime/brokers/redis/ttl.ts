/** Nothing is kept for longer, ms: Redis would refuse a time that it can't count to. */
export const longestTtlMs = 1_000 * 365 * 86_400_000;

/** A duration as Redis takes it for an expiry: a whole number of ms, at least 1. */
export function ttlOf(ms: number): number {
  return Math.min(Math.max(1, Math.ceil(ms)), longestTtlMs);
}
