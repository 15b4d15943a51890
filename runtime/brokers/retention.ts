/** How long the record of a call is kept that ended without a worker's word (canceled, expired, revoked), ms. */
export const bareTtlMs = 3_600_000;

/** The same of an awaited call: its caller knows, or looks every few seconds. */
export const awaitedBareTtlMs = 60_000;

/** How long the reply to an awaited call stays at the least, for a caller that has lost its connection, ms. */
export const awaitedTtlMs = 60_000;

/** How long a call is kept that nobody can run, or whose workers died, ms. */
export const parkedTtlMs = 7 * 86_400_000;

/** A larger reply is not sent with the message that tells of it, but read by whoever needs it, bytes. */
export const largestToldBytes = 8_192;
