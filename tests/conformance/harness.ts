import type { Broker } from "../../runtime/broker.ts";
import type { JudgedStore } from "../../runtime/testing/conformance/lab.ts";

/** What the tests of our own brokers bring along. */
export interface Harness extends JudgedStore {
  connect(): Promise<Broker>;
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
  /** Lets the server forget the scripts that it has loaded; left out where there are none, or they are also others'. */
  readonly forgetScripts?: (() => Promise<void>) | undefined;
  /** The calls of a queue that workers hold, with their fences, where that can be seen without a touch. */
  leases?(queue: string): Promise<ReadonlyMap<string, number>>;
}
