import { expect } from "vitest";
import type { TaskError } from "taskpact";
import { reportedOnBrokers } from "./reported.ts";

for (const [what, given, told] of [
  ["queue", { queue: "lab" }, 'queue "lab" is paused'],
  ["task", { task: "addition" }, "task lab.addition is paused"],
] as const) {
  reportedOnBrokers(
    "D7",
    `deadline_exceeded says that the ${what} is paused`,
    async ({ lab, got }) => {
      await lab.worker();
      const tasks = lab.client();
      // By now the client knows that its task is served.
      await expect(tasks.addition(1, 2)).resolves.toBe(3);
      await tasks.client.pause(given);
      const reasons: string[] = [];
      for (const timeoutMs of [200, 2_500])
        await tasks
          .with({ timeoutMs })
          .addition(1, 2)
          .catch(({ code, reason }: TaskError) => reasons.push(`${code}: ${reason}`));
      const handle = await tasks.submit.addition(1, 2);
      await handle
        .result({ timeoutMs: 200 })
        .catch(({ code, reason }: TaskError) => reasons.push(`${code}: ${reason}`));
      got(reasons.join(" | "));
      expect(reasons).toEqual([
        `deadline_exceeded: no reply within 200 ms; ${told}`,
        `deadline_exceeded: no reply within 2500 ms; ${told}`,
        `deadline_exceeded: it has not ended within 200 ms; ${told}`,
      ]);
      await tasks.client.resume(given);
      await expect(handle.result()).resolves.toBe(3);
    },
    30_000,
  );
}

reportedOnBrokers(
  "D7",
  "a call that runs is not said to be paused",
  async ({ lab, got }) => {
    await lab.worker();
    const tasks = lab.client();
    const late = tasks
      .with({ timeoutMs: 1_000 })
      .stubborn("x")
      .catch((error: TaskError) => error.reason);
    await lab.begun("x");
    await tasks.client.pause({ queue: "lab" });
    const reason = await late;
    got(String(reason));
    expect(reason).not.toContain("paused");
  },
  30_000,
);
