const schemeEnd = "://";
/** What stands in place of a secret. */
const hidden = "***";
/** What no URL in a text goes on behind. */
const words = /[^\s"<>`]+/g;
/** Parameters of a URL that hold a secret, as libpq's `?password=…`. */
const secretParameters = /([?&](?:password|passwd|pwd|secret|sslpassword|access_token|token|api_?key)=)[^&#'),;\s]+/gi;

/**
 * A text without the credentials of the URLs in it: `redis://default:***@host`. A user's name alone is left, but for http, where it
 * is mostly a token. Time is linear in the length of the text, which may be anybody's.
 */
export function redacted(text: string): string {
  if (!text.includes(schemeEnd)) return text;
  return text.replace(words, redactedWord).replace(secretParameters, `$1${hidden}`);
}

/** A run of characters in which each URL follows the one before without a blank. */
function redactedWord(word: string): string {
  let result = "";
  /** Up to where it is in the result. */
  let done = 0;
  let at = word.indexOf("@");
  for (let url = word.indexOf(schemeEnd); url >= 0; url = word.indexOf(schemeEnd, Math.max(url + 1, done))) {
    const begin = url + schemeEnd.length;
    if (at >= 0 && at < begin) at = word.indexOf("@", begin);
    if (at < 0) break;
    const end = credentialsEnd(word, begin, at);
    if (end === undefined) continue;
    const credentials = word.slice(begin, end);
    const colon = credentials.indexOf(":");
    const user = colon < 0 ? credentials : credentials.slice(0, colon);
    const isToken = colon < 0 && /https?$/i.test(word.slice(Math.max(0, url - 5), url));
    const kept = isToken ? hidden : colon < 0 ? user : `${user}:${hidden}`;
    result += word.slice(done, begin) + kept;
    done = end;
  }
  return result + word.slice(done);
}

/** Where the `@` behind a URL's credentials stands; undefined if it has none. `at` is the first one behind its begin. */
function credentialsEnd(word: string, begin: number, at: number): number | undefined {
  let end = begin;
  while (end < word.length && !"/?#".includes(word[end]!)) end++;
  if (at < end) return word.lastIndexOf("@", end);
  // A password that should have been escaped, with a slash in it; but no host and port, with an @ somewhere in the path.
  const [user = "", ...rest] = word.slice(begin, end).split(":");
  const isHost = user.startsWith("[") || (user !== "" && /^\d*$/.test(rest.join(":")));
  return rest.length === 0 || isHost ? undefined : at;
}
