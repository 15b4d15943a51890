import { isMainThread } from "node:worker_threads";
import { contractOf, implement } from "taskpact/codegen";
import * as declared from "./contract.ts";

const contract = contractOf("broken", declared, ["inThread"]);
const elsewhere = contractOf("elsewhere", declared, ["inThread"]);
const inThread = (): string => "";
/** Its module has it only where it isn't needed. */
export const broken = isMainThread ? implement(contract, { inThread }, undefined, {}, import.meta.url) : undefined;
/** There is no such module. */
export const lost = implement(elsewhere, { inThread }, undefined, {}, new URL("nowhere.ts", import.meta.url));
export const untold = implement(elsewhere, { inThread });
