// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */

/** What the contracts say of their tasks, by the names on the wire. */
export const docs: { readonly [name: string]: string } = {
  "crawler.crawl": "Follows links from a page, so many deep and on some hosts alone, and tells which lead nowhere. Crawls of the same name share\nwhat they read: a page is read once, whoever finds it, also by a crawl that begins again because its worker died.",
  "crawler.page": "Reads a page: where it leads to. A page is asked for five times within 500 ms at the most, on each host.",
  "crawler.robots": "Reads which paths a host wants no robot to ask for.",
};
