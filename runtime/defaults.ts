/** What a client and a worker must agree upon where nothing is said. */

/** The namespace of keys. */
export const defaultNamespace = "taskpact";

/** How long may be waited at the end for what still runs, ms. */
export const defaultGraceMs = 10_000;

/** How long is waited for what does not answer, or does not close, where there is a hurry, ms. */
export const lastWordsMs = 500;

/** The largest request or reply, bytes as encoded. */
export const defaultMaxBytes = 1_048_576;

/** The largest request that a worker reads, bytes: more than its callers send, as they may raise their limits first. */
export const defaultMaxReadBytes = 4_194_304;

/** The largest reply that a client reads, bytes: with a reply, its request may be kept. */
export const defaultMaxReplyBytes = 8_388_608;
