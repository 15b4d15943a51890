import { expect } from "vitest";
import type { LooseAnswer } from "../calls/lab.ts";
import { reportedOnBrokers } from "./reported.ts";

class Foreign {
  readonly a = 1;
}

const given: Readonly<Record<string, unknown>> = {
  "a function": () => 1,
  "a class instance": new Foreign(),
  "an invalid Date": new Date(Number.NaN),
  "2 MB": "x".repeat(2_000_000),
  "what can be carried": { map: new Map([[1n, new Set([new Date(0)])]]) },
};

/** What a caller is told, as text. */
function told(answer: LooseAnswer): string {
  return answer.ok ? "ok" : `${answer.error.code}: ${answer.error.reason}`;
}

for (const [what, value] of Object.entries(given)) {
  reportedOnBrokers(
    "A12",
    `${what}: the same verdict here and on a worker`,
    async ({ lab, got }) => {
      await lab.worker();
      lab.acts["gives"] = (context, wanted) => {
        if (wanted === "progress") context.progress(value);
        return wanted === "result" ? value : null;
      };
      const tasks = lab.client({ implementations: [lab.implementation("here")] });
      const verdicts = async (policy: "local-first" | "remote-only") => {
        const { safe } = tasks.with({ policy });
        return [told(await safe.anything(value)), told(await safe.acting("gives", "result"))];
      };
      const here = await verdicts("local-first");
      const remote = await verdicts("remote-only");
      got(here.map((one) => one.slice(0, 60)).join(" | "));
      expect(here).toEqual(remote);
      expect(here[0]!.startsWith("ok")).toBe(what === "what can be carried");
    },
    60_000,
  );
}
