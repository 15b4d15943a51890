import type { AnyTaskError } from "../../errors.ts";
import { isWithheld, unavailable, wordsOf } from "./failure.ts";
import type { Wire } from "./wire.ts";

/** Scripts need the flags that came with 7.0. */
const oldestMajor = 7;

/**
 * Looks whether a server can be used, by what it says of itself, as far as the user may ask.
 *
 * @param warn - takes what is dangerous and does not keep it from being used.
 * @throws TaskError `unavailable` for one that can't be; else an Error with the server's words.
 */
export async function checkServer(wire: Wire, place: string, warn: (words: string) => void): Promise<void> {
  // All sections: servers that are too old refuse to be asked for some of them.
  const [info, pong] = await wire.sendTogether([["INFO"], ["PING"]]);
  // A server that still loads its data answers the one and not the other. Some servers, and some users, have neither.
  for (const answer of [info, pong]) {
    if (answer instanceof Error && !isWithheld(wordsOf(answer))) throw answer;
  }
  if (info instanceof Error) return checkVersion(await versionByHello(wire), place);
  const text = String(info);
  const said = (field: string) => new RegExp(`^${field}:(\\S+)`, "m").exec(text)?.[1];
  checkVersion(said("redis_version"), place);
  if (said("role") === "slave" && said("slave_read_only") !== "0") throw readOnly(place, said("master_host"));
  const policy = said("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    warn(
      `Redis${place} has maxmemory-policy ${policy}: once it is at its memory limit it deletes calls or their answers, and nobody is told. Set it to noeviction`,
    );
  }
}

/** @throws TaskError `unavailable` for one that is too old; one that is not known shows by its refusal to run scripts. */
function checkVersion(version: string | undefined, place: string): void {
  if (version !== undefined && Number.parseInt(version, 10) < oldestMajor) throw tooOld(place, version);
}

/** What `HELLO` says, as a list of names and values; undefined where that can't be had, either. */
async function versionByHello(wire: Wire): Promise<string | undefined> {
  const said: unknown = await wire.send(["HELLO"]).catch((thrown: unknown) => {
    if (!isWithheld(wordsOf(thrown))) throw thrown;
  });
  if (!Array.isArray(said)) return undefined;
  const at = said.findIndex((name) => String(name) === "version");
  return at < 0 ? undefined : String(said[at + 1]);
}

function tooOld(place: string, version: string): AnyTaskError {
  return unavailable(`Redis${place} is version ${version}; Taskpact needs ${oldestMajor}.0 or later`);
}

function readOnly(place: string, primary: string | undefined): AnyTaskError {
  const whose = primary === undefined ? "" : ` of ${primary}`;
  return unavailable(`Redis${place} is a read-only replica${whose}; Taskpact needs the primary`);
}
