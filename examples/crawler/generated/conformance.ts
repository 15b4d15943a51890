// Generated from the contracts. Do not edit: change a contract and run `npm run gen:examples`.
/* eslint-disable */
// Proves that every printed type is the one that its contract infers. An error in a line: that task has changed.
import type {
  Conformance,
  ParamInput,
  Proven,
  ResultOutput,
} from "taskpact/codegen";
import type * as crawlerContract from "../contracts/crawler.ts";
import type { CrawlerSignatures } from "./crawler.ts";

export type CrawlerProof = [
  Proven<Conformance<typeof crawlerContract.crawl, CrawlerSignatures["crawl"], (name: ParamInput<typeof crawlerContract.crawl, "name">, start: ParamInput<typeof crawlerContract.crawl, "start">, hosts: ParamInput<typeof crawlerContract.crawl, "hosts">, depth?: ParamInput<typeof crawlerContract.crawl, "depth">) => Promise<ResultOutput<typeof crawlerContract.crawl>>, "depth">>,
  Proven<Conformance<typeof crawlerContract.page, CrawlerSignatures["page"], (url: ParamInput<typeof crawlerContract.page, "url">) => Promise<ResultOutput<typeof crawlerContract.page>>>>,
  Proven<Conformance<typeof crawlerContract.robots, CrawlerSignatures["robots"], (origin: ParamInput<typeof crawlerContract.robots, "origin">) => Promise<ResultOutput<typeof crawlerContract.robots>>>>,
];
