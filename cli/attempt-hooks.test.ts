import { expect, test } from "vitest";
import type { AttemptEvent } from "../runtime/hook.ts";
import { tellsAttempts } from "./attempt-hooks.ts";

test("the live log tells of twenty calls a second, and counts the others", async () => {
  const lines: object[] = [];
  let now = 5_000;
  const hook = tellsAttempts(
    (fields) => void lines.push(fields),
    () => now,
  );
  const event = { task: "math.addition", callId: "one", attempt: 1 } as AttemptEvent;
  const end = { ok: true, value: undefined } as const;
  for (let call = 0; call < 25; call++) await hook.attempt!(event, async () => end);
  expect(lines).toHaveLength(20);
  now += 1_000;
  await hook.attempt!(event, async () => {
    now += 3;
    return end;
  });
  expect(lines.slice(20)).toEqual([{ calls: 5 }, { task: "math.addition", callId: "one", attempt: 1, ms: 3 }]);
});
