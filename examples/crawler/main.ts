/** Two crawls of two small sites, looking for broken links: `npm run example:crawler`, maybe with `-- --redis auto`. */
import { randomUUID } from "node:crypto";
import { openStage } from "../stage.ts";
import { createTasks } from "./generated/index.ts";
import { crawler } from "./handlers.ts";
import { openSite, type Site } from "./site.ts";

const stage = await openStage(import.meta.url, [crawler]);
const tasks = createTasks({ broker: stage.broker });

const manual = await openSite("manual", 12);
const shop = await openSite("shop", 20, [`http://${manual.host}/`, "https://elsewhere.example/"]);
const hosts = [shop.host, manual.host];
const name = randomUUID().slice(0, 8);

/** Calls a host by its site's name: ports differ from run to run. */
const named = (url: string): string => url.replace(shop.host, "shop").replace(manual.host, "manual");

console.log(`Two crawls on ${stage.description}\n`);
const crawlFrom = (title: string, start: string) => {
  const onProgress = ({ pages, found }: { pages: number; found: number }): void =>
    console.log(`  ${title}: ${pages} read of ${found} found`);
  return tasks.with({ onProgress }).crawl(name, start, hosts);
};
const [wide, narrow] = await Promise.all([
  crawlFrom("from the shop", `http://${shop.host}/`),
  crawlFrom("from the manual", `http://${manual.host}/`),
]);

console.log(
  `\nFrom the shop: ${wide.links} links to ${wide.pages} pages; from the manual: ${narrow.links} to ${narrow.pages}`,
);
for (const { url, status, on } of wide.broken)
  console.log(`  broken: ${named(url)} (${status}), linked on ${named(on)}`);
for (const url of wide.kept) console.log(`  not followed: ${named(url)}`);

/** What a site saw: each page's requests, and a line of time with a digit for the requests of each 100 ms. */
function report(title: string, { visits }: Site): void {
  const pages = visits.filter(({ path }) => path !== "/robots.txt");
  const served = pages.filter(({ status }) => status === 200);
  const busy = pages.filter(({ status }) => status === 503).length;
  const twice = served.length - new Set(served.map(({ path }) => path)).size;
  const first = pages[0]?.atMs ?? 0;
  const line: (number | undefined)[] = [];
  for (const { atMs } of pages) {
    const at = Math.floor((atMs - first) / 100);
    line[at] = (line[at] ?? 0) + 1;
  }
  console.log(
    `\nThe ${title}'s own log: ${pages.length} requests; ${served.length} pages served, ${twice} of them twice; ` +
      `${busy} × 503, asked again; ${pages.filter(({ path }) => path.startsWith("/private/")).length} private`,
  );
  console.log(`  by 100 ms: ${Array.from(line, (count = 0) => (count === 0 ? "·" : String(count))).join("")}`);
}
report("shop", shop);
report("manual", manual);

await tasks.client.close();
await stage.close();
await Promise.all([shop.close(), manual.close()]);
