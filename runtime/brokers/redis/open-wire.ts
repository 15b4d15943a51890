import type { RedisOptions } from "ioredis";
import { TaskError } from "../../errors.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { dial, type Line } from "./dial.ts";
import { connectByDriver } from "./driver.ts";
import { wordsOf } from "./failure.ts";
import { checkServer } from "./server-check.ts";
import { Wire } from "./wire.ts";

/**
 * Opens a connection to a server that can be used.
 *
 * @param signal - gives it up.
 * @throws TaskError for a server that never can be; else an Error whose words tell what is wrong.
 */
export async function openWire(
  options: RedisOptions,
  place: string,
  settings: ConnectionSettings,
  signal: AbortSignal,
): Promise<Wire> {
  const { name, patienceMs, silenceMs, warn } = settings;
  const trying = new AbortController();
  const giveUp = () => trying.abort(signal.reason);
  const timer = setTimeout(() => trying.abort(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  signal.addEventListener("abort", giveUp, { once: true });
  let line: Line | undefined;
  let trouble: string;
  try {
    signal.throwIfAborted();
    const named = isNamed(options);
    line = await (named ? dial(options, trying.signal) : connectByDriver(options, settings, trying.signal));
    const wire = new Wire(line, silenceMs);
    trying.signal.addEventListener("abort", line.hangUp, { once: true });
    trying.signal.throwIfAborted();
    // In one write: where the login is refused, so is what follows it, and the first refusal is what is thrown.
    await wire.together(() => Promise.all([named && logIn(wire, options, name), checkServer(wire, place, warn)]));
    return wire;
  } catch (thrown) {
    line?.hangUp();
    if (thrown instanceof TaskError) throw thrown;
    trouble = wordsOf(trying.signal.aborted ? trying.signal.reason : (line?.socket.errored ?? thrown));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
  throw new Error(trouble);
}

/** Whether the options name the server. Others, and TLS of ioredis's own profiles, are for ioredis. */
function isNamed({ sentinels, Connector, tls = {} }: RedisOptions): boolean {
  return !sentinels && !Connector && typeof tls === "object";
}

/** @throws Error with the server's words. */
async function logIn(wire: Wire, { username, password, db }: RedisOptions, name: string): Promise<void> {
  const commands: string[][] = [];
  // A server without a password takes any from this user.
  if (username || password) commands.push(["AUTH", username || "default", password ?? ""]);
  if (db) commands.push(["SELECT", String(db)]);
  // Its name is for whoever looks at the server's clients: a user without the right to it is served all the same.
  const replies = await wire.sendTogether([...commands, ["CLIENT", "SETNAME", `taskpact:${name}`]]);
  const refused = replies.slice(0, commands.length).find((reply) => reply instanceof Error);
  if (refused !== undefined) throw refused;
}
