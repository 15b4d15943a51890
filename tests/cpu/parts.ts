import { contractOf, type Implementation, implementer } from "taskpact/codegen";
import * as declared from "./contract.ts";

const contract = contractOf("cpu-lab", declared, Object.keys(declared) as (keyof typeof declared)[]);
type Implement = Record<"partial", (handlers: object, module: string) => Implementation>;
const implementLab = implementer<Implement>(contract, { shape: "flat", contracts: [contract] }, true);

/** Two parts of the lab, in one module. */
export const thread = implementLab.partial({ inThread: () => "thread" }, import.meta.url);
export const among = implementLab.partial({ among: () => "among" }, import.meta.url);
