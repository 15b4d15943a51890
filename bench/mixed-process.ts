/** One side of a mixed figure, as a process of its own: `mixed-process.js <module> worker|caller <url> <queues>`. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Job, mix, type MixedAsk, type MixedCaller, type MixedContestant } from "./mixed/mixed.ts";
import type { Asked } from "./contestants/loads.ts";

const [module = "", side, url = "", count = "1"] = process.argv.slice(2);
const { contestant } = (await import(module)) as { readonly contestant: MixedContestant };
const queues = Array.from({ length: Number(count) }, (_, number) => `q${number}`);
let handled = 0;
let call: MixedCaller | undefined;

async function handle({ waitMs, text }: Job): Promise<string> {
  handled++;
  if (waitMs > 0) await sleep(waitMs);
  return text;
}

async function answer(ask: MixedAsk): Promise<Asked> {
  switch (ask.kind) {
    case "start":
      if (side === "worker") await contestant.startWorker(url, queues, handle);
      else call = await contestant.openCaller(url, queues);
      return {};
    case "handled":
      return { handled };
    case "mix":
      return mix(call!, queues, ask);
  }
}

process.on("message", (ask: MixedAsk) => {
  answer(ask).then(
    (asked) => process.send?.({ asked }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ asked: {} });
