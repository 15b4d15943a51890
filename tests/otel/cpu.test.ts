import { expect, test } from "vitest";
import { lab } from "../cpu/handlers.ts";
import { CpuStage, pool } from "../cpu/stage.ts";
import { type SeenSpan, Sight, withContextManager } from "./sight.ts";

withContextManager();

test("attempts in a pool have their spans on this side of it", { timeout: 60_000 }, async () => {
  const place = new CpuStage(() => "memory:otel-cpu");
  const [here, there] = [new Sight(), new Sight()];
  await place.worker({ hooks: [there.hook] });
  const tasks = place.client({ implementations: [lab], pool, hooks: [here.hook] });
  await tasks.with({ policy: "remote-only" }).safe.fails("declared");
  await tasks.with({ policy: "local-only" }).told();
  const [call, local, attempt] = (await here.spans()) as [SeenSpan, SeenSpan, SeenSpan];
  expect(attempt).toMatchObject({ name: "process cpu-lab.told", kind: "INTERNAL", parent: local.id });
  expect(await there.spans()).toMatchObject([
    {
      name: "process cpu-lab.fails",
      kind: "CONSUMER",
      parent: call.id,
      attributes: { "error.type": "odd" },
      exceptions: [{ "exception.type": "odd" }],
    },
  ]);
});
