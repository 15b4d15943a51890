import { callRules } from "./suite.ts";

let count = 0;

callRules("memory:", () => {
  const url = `memory:calls-${count++}`;
  return () => url;
});
