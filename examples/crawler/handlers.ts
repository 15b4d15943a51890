import { createHash } from "node:crypto";
import { implementCrawler } from "./generated/index.ts";

const headers = { "user-agent": "taskpact-example" };

/** How long a host that is busy wants to be left alone, ms. */
function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}

/** An address may be longer than an id. */
const digest = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 22);

export const crawler = implementCrawler({
  async page({ url }, { signal, errors, fail }) {
    const response = await fetch(url, { headers, signal });
    const text = await response.text();
    if (response.status === 503) {
      const afterMs = retryAfterMs(response);
      throw fail({ reason: `${url} is busy`, ...(afterMs !== undefined && { retry: { afterMs } }) });
    }
    // Another attempt would find the same: that is an answer.
    if (!response.ok) throw errors.missing({ status: response.status });
    const links = [...text.matchAll(/<a href="([^"]+)"/g)].map(([, href = ""]) => new URL(href, url));
    for (const link of links) link.hash = "";
    return {
      title: /<title>([^<]*)/.exec(text)?.[1] ?? "",
      links: [...new Set(links.map(({ href }) => href))],
    };
  },

  async robots({ origin }, { signal }) {
    const response = await fetch(new URL("/robots.txt", origin), { headers, signal });
    const rules = response.ok ? await response.text() : "";
    return { disallowed: [...rules.matchAll(/^disallow: *(\S+)/gim)].map(([, path = ""]) => path) };
  },

  async crawl({ name, start, hosts, depth }, { tasks, progress }) {
    const once = (what: string) => tasks.with({ id: `${name}-${digest(what)}`, timeoutMs: 60_000 });
    const disallowed = new Map<string, readonly string[]>();
    await Promise.all(
      hosts.map(async (host) => {
        disallowed.set(host, (await once(`robots of ${host}`).robots(`http://${host}/`)).disallowed);
      }),
    );
    const isAllowed = ({ host, pathname }: URL): boolean =>
      disallowed.get(host)?.every((path) => !pathname.startsWith(path)) ?? false;

    const found = new Set([start]);
    const kept = new Set<string>();
    const broken: { url: string; status: number; on: string }[] = [];
    let links = 0;
    let pages = 0;
    /** Reads a page and all that is new on it. They wait for their hosts' turns, and none for another. */
    const follow = async (url: string, on: string, left: number): Promise<void> => {
      const answer = await once(url).safe.page(url);
      progress({ pages: ++pages, found: found.size });
      if (!answer.ok) {
        if (answer.error.name !== "missing") throw answer.error;
        broken.push({ url, on, status: answer.error.data.status });
        return;
      }
      links += answer.value.links.length;
      const fresh = answer.value.links.filter((link) => {
        if (!isAllowed(new URL(link))) kept.add(link);
        return left > 0 && !kept.has(link) && !found.has(link);
      });
      for (const link of fresh) found.add(link);
      await Promise.all(fresh.map((link) => follow(link, url, left - 1)));
    };
    await follow(start, "the start", depth);
    return { pages, links, kept: [...kept], broken };
  },
});
