import type { RedisOptions } from "ioredis";
import { TaskError } from "../../errors.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { askCredentials } from "./credentials.ts";
import { dial, type Line } from "./dial.ts";
import { connectByDriver } from "./driver.ts";
import { isLoss, wordsOf } from "./failure.ts";
import { checkServer } from "./server-check.ts";
import { Wire } from "./wire.ts";
import { clearTimeout, setTimeout } from "../../real-time.ts";

/** Of the time for a connection, as much may pass until there are credentials for it: that they are missing is said then. */
const credentialsShare = 0.8;

/**
 * Opens a connection to a server that can be used.
 *
 * @param signal - gives it up.
 * @param slowness - as {@link Wire} has it.
 * @throws TaskError for a server that never can be; else an Error whose words tell what is wrong.
 */
export async function openWire(
  options: RedisOptions,
  place: string,
  settings: ConnectionSettings,
  signal: AbortSignal,
  slowness?: number,
): Promise<Wire> {
  const { name, patienceMs, silenceMs, warn, credentials } = settings;
  const trying = new AbortController();
  const giveUp = () => trying.abort(signal.reason);
  const timer = setTimeout(() => trying.abort(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  signal.addEventListener("abort", giveUp, { once: true });
  let line: Line | undefined;
  let trouble: string;
  try {
    signal.throwIfAborted();
    const named = isNamed(options);
    const asked = credentials && (await askCredentials(credentials, credentialsShare * patienceMs, trying.signal));
    const login = { ...options, ...asked };
    line = await (named ? dial(login, trying.signal) : connectByDriver(login, settings, trying.signal));
    const wire = new Wire(line, silenceMs, slowness);
    trying.signal.addEventListener("abort", line.hangUp, { once: true });
    trying.signal.throwIfAborted();
    // In one write: where the login is refused, so is what follows it.
    const [welcome, check] = await wire.together(() =>
      Promise.allSettled([
        named && logIn(wire, login),
        checkServer(wire, place, warn),
        // For whoever looks at the server's clients: a user without the right to it is served all the same.
        named && wire.send(["CLIENT", "SETNAME", `taskpact:${name}`]),
      ]),
    );
    for (const answer of [welcome, check]) if (answer.status === "rejected") throw answer.reason;
    return wire;
  } catch (thrown) {
    line?.hangUp();
    if (thrown instanceof TaskError) throw thrown;
    // That it was lost says less than what it was lost of.
    const lost = isLoss(wordsOf(thrown)) && line?.socket.errored;
    trouble = wordsOf(trying.signal.aborted ? trying.signal.reason : lost || thrown);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
  throw new Error(trouble);
}

/** Whether the options name the server. Where others know it, and where TLS is by one of its own profiles, ioredis connects. */
function isNamed({ sentinels, Connector, tls }: RedisOptions): boolean {
  return !sentinels && !Connector && !(tls && (typeof tls !== "object" || "profile" in tls));
}

/** @throws Error with the server's words. */
async function logIn(wire: Wire, { username, password, db }: RedisOptions): Promise<void> {
  const replies: Promise<unknown>[] = [];
  if (username) replies.push(wire.send(["AUTH", username, password ?? ""]));
  if (db) replies.push(wire.send(["SELECT", db]));
  await Promise.all(replies);
}
