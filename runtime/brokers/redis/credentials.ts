import { setTimeout as sleep } from "node:timers/promises";
import { unavailable, wordsOf } from "./failure.ts";

/** What a connection logs in with. */
export interface RedisCredentials {
  /** The ACL user. @default "default" */
  readonly username?: string | undefined;
  /** A password, or a token that stands for one. */
  readonly password: string;
}

/** Credentials with both of their parts. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Gives the credentials that hold now. */
export type CredentialsProvider = () => RedisCredentials | Promise<RedisCredentials>;

/**
 * Asks for credentials.
 *
 * @param withinMs - how long it may take.
 * @param signal - gives it up.
 * @throws TaskError `unavailable` for what are no credentials; else an Error that says what went wrong. Neither holds what was given.
 */
export async function askCredentials(
  provider: CredentialsProvider,
  withinMs: number,
  signal: AbortSignal,
): Promise<Login> {
  const over = new AbortController();
  const late = sleep(withinMs, undefined, { signal: AbortSignal.any([over.signal, signal]) }).then(() => {
    throw new Error(`nothing within ${withinMs} ms`);
  });
  // It may end after the answer.
  late.catch(() => undefined);
  let words: string;
  try {
    return checked(await Promise.race([(async () => provider())(), late]));
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Unusable) throw unavailable(thrown.message);
    // As everywhere here, its words alone go on.
    words = wordsOf(thrown);
  } finally {
    over.abort();
  }
  throw new Error(`its credentials function failed: ${words}`);
}

/** What a function gave is no credentials. */
class Unusable extends Error {}

function checked(given: unknown): Login {
  const { username = "default", password } = (typeof given === "object" && given !== null ? given : {}) as {
    readonly username?: unknown;
    readonly password?: unknown;
  };
  if (typeof username === "string" && typeof password === "string" && password !== "") return { username, password };
  throw new Unusable(
    "the credentials function of the broker must give { username?, password }, both text and the password not empty",
  );
}
