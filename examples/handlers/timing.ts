import { setTimeout as sleep } from "node:timers/promises";
import { implementTiming } from "../../generated/index.ts";

export const timing = implementTiming({
  async asynchronous({ lagMs }, { signal }) {
    const began = performance.now();
    await sleep(lagMs, undefined, { signal });
    return performance.now() - began;
  },
});
