import { contractOf, implement } from "taskpact/codegen";
import * as declared from "./contract.ts";

export const contract = contractOf("bench", declared, ["inThread", "inProcess", "inLoop", "small"]);

function compute({ text, ms }: { text: string; ms: number }): string {
  const until = performance.now() + ms;
  while (performance.now() < until) Math.random();
  return text;
}

const small = (): null => null;
export const handlers = implement(
  contract,
  { inThread: compute, inProcess: compute, inLoop: compute, small },
  undefined,
  {},
  import.meta.url,
);
