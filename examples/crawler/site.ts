import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as its site noted it. */
export interface Visit {
  readonly path: string;
  readonly status: number;
  /** Since the site was opened, ms. */
  readonly atMs: number;
}

/** A web site on this machine, to be crawled. */
export interface Site {
  readonly host: string;
  readonly visits: readonly Visit[];
  close(): Promise<void>;
}

/**
 * Opens a site of so many pages, each with links to a few others, to one that is gone, to one that no robot may see, and to
 * wherever else is asked for. Every seventh page is busy when it is first asked for.
 */
export async function openSite(name: string, pages: number, elsewhere: readonly string[] = []): Promise<Site> {
  const opened = performance.now();
  const visits: Visit[] = [];
  const busy = new Set(Array.from({ length: pages }, (_, index) => index).filter((index) => index % 7 === 3));

  const answer = (path: string): { status: number; text: string; retryAfter?: string } => {
    if (path === "/robots.txt") return { status: 200, text: "User-agent: *\nDisallow: /private/\n" };
    const index = path === "/" ? 0 : Number(/^\/pages\/(\d+)$/.exec(path)?.[1] ?? Number.NaN);
    if (!(index < pages)) return { status: 404, text: "There is no such page." };
    if (busy.delete(index)) return { status: 503, text: "Come back later.", retryAfter: "1" };
    const links = [index * 3 + 1, index * 3 + 2, index * 3 + 3, index - 1]
      .filter((to) => to >= 0 && to < pages)
      .map((to) => (to === 0 ? "/" : `/pages/${to}`));
    if (index === 5) links.push("/pages/gone");
    if (index % 4 === 0) links.push("/private/accounts");
    if (index === 0) links.push(...elsewhere);
    const anchors = links.map((href) => `<li><a href="${href}">${href}</a>`).join("\n");
    return { status: 200, text: `<title>${name} ${index}</title>\n<ul>\n${anchors}\n</ul>\n` };
  };

  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const { status, text, retryAfter } = answer(path);
    visits.push({ path, status, atMs: performance.now() - opened });
    response.writeHead(status, { ...(retryAfter !== undefined && { "retry-after": retryAfter }) }).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
