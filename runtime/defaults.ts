/** What a client and a worker must agree upon where nothing is said. */

/** The namespace of keys. */
export const defaultNamespace = "taskpact";

/** The largest request or reply, bytes as encoded. */
export const defaultMaxBytes = 1_048_576;
