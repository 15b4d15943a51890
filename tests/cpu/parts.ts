import { contractOf, implementerOf } from "taskpact/codegen";
import { threadId } from "node:worker_threads";
import * as declared from "./contract.ts";

/** A contract in parts, two of which its threads find in the same module. */
export const partsContract = contractOf("parts", declared, ["inThread", "rich", "told"]);
const { partial } = implementerOf(partsContract, { shape: "flat", contracts: [partsContract] });

export const one = partial({ inThread: () => `thread ${threadId}` }, import.meta.url);
export const another = partial({ rich: () => threadId > 0 }, import.meta.url);
/** Its module has other parts, and not this one. */
export const hidden = [partial({ told: () => ({}) }, import.meta.url)];
