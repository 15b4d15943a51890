import { expect } from "vitest";
import { reportedOnBrokers } from "./reported.ts";

reportedOnBrokers(
  "G5",
  "of a submit, acceptTimeoutMs bounds the acceptance, and timeoutMs is refused",
  async ({ lab, got }) => {
    const tasks = lab.client();
    const submit = tasks.with({ acceptTimeoutMs: 60_000 }).submit;
    const handle = await submit.held("x");
    await expect(handle.status()).resolves.toMatchObject({ state: "queued" });
    const refused: unknown = await tasks
      .with({ timeoutMs: 1_000 })
      .submit.held("y")
      .catch((error: unknown) => error);
    got(String(refused));
    expect(refused).toMatchObject({
      code: "invalid_argument",
      task: "lab.held",
      reason: expect.stringContaining("tasks.with({ acceptTimeoutMs }).submit") as string,
    });
    await expect(tasks.with({ acceptTimeoutMs: 1_000 }).held("z")).rejects.toMatchObject({
      code: "invalid_argument",
      reason: expect.stringContaining("acceptTimeoutMs is for submitted calls") as string,
    });
  },
);
