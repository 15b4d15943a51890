// Generated from contracts/crawler.ts. Do not edit: change the contract and run `npm run gen:examples`.
/* eslint-disable */
import {
  type Calls,
  type Contract,
  type Handlers,
  type Implementation,
  type SafeCalls,
  type Signature,
  type SubmitCalls,
  contractOf,
} from "taskpact/codegen";
import type * as contract from "../contracts/crawler.ts";
import * as declared from "../contracts/crawler.ts";

// Lets a rename of a task in its contract reach its callers and its handler.
export type { contract };

/** What goes into and comes out of the tasks of contracts/crawler.ts. */
export interface CrawlerSignatures {
  /**
   * Follows links from a page, so many deep and on some hosts alone, and tells which lead nowhere. Crawls of the same name share
   * what they read: a page is read once, whoever finds it, also by a crawl that begins again because its worker died.
   */
  crawl: Signature<(name: string, start: string, hosts: string[], depth?: number) => Promise<{ pages: number; links: number; kept: string[]; broken: { url: string; status: number; on: string }[] }>, { name: string; start: string; hosts: string[]; depth: number }, {}, { pages: number; found: number }>;
  /** Reads a page: where it leads to. A page is asked for five times within 500 ms at the most, on each host. */
  page: Signature<(url: string) => Promise<{ title: string; links: string[] }>, { url: string }, { missing: { status: number } }>;
  /** Reads which paths a host wants no robot to ask for. */
  robots: Signature<(origin: string) => Promise<{ disallowed: string[] }>, { origin: string }>;
}

export interface CrawlerCalls extends Calls<typeof contract, CrawlerSignatures> {}
export interface CrawlerSafeCalls extends SafeCalls<typeof contract, CrawlerSignatures> {}
export interface CrawlerSubmitCalls extends SubmitCalls<typeof contract, CrawlerSignatures> {}
export interface CrawlerHandlersGiven<Given> extends Handlers<typeof contract, CrawlerSignatures, Given> {}
export interface CrawlerImplementation<Dependencies = {}> extends Implementation<CrawlerSignatures, typeof contract, Dependencies> {}

export const crawlerContract: Contract = contractOf("crawler", declared, [
  "crawl",
  "page",
  "robots",
]);
