import { expect } from "vitest";
import type { TaskError } from "taskpact";
import { reportedOnBrokers } from "./reported.ts";

const long = 2_000_000;

reportedOnBrokers(
  "A14",
  "an error message of 2 MB is failed, and said to be cut",
  async ({ lab, got }) => {
    await lab.worker();
    lab.acts["fails"] = () => {
      throw new Error("x".repeat(long));
    };
    const tasks = lab.client({ implementations: [lab.implementation("here")] });
    for (const policy of ["remote-only", "local-only"] as const) {
      const error = await tasks
        .with({ policy })
        .acting("fails")
        .catch((thrown: TaskError) => thrown);
      const { code, reason } = error as TaskError;
      got(`${policy}: ${code}, ${reason.length} characters`);
      expect(code).toBe("failed");
      expect(reason).toMatch(/^x{4096}… \(cut: 2000000 characters in all\)$/);
    }
  },
  60_000,
);

reportedOnBrokers(
  "A14",
  "an error of any length is told within a small limit of replies",
  async ({ lab, got }) => {
    await lab.worker({ maxResultBytes: 1_000 });
    lab.acts["fails"] = () => {
      throw new Error("x".repeat(long));
    };
    const error = await lab
      .client()
      .acting("fails")
      .catch((thrown: TaskError) => thrown);
    got(String(error).slice(0, 60));
    expect(error).toMatchObject({ code: "failed", reason: expect.stringContaining("(cut: ") as string });
  },
  60_000,
);

reportedOnBrokers(
  "A14",
  "thousands of issues keep their first, and say how many there are",
  async ({ lab, got }) => {
    await lab.worker();
    const issues = Array.from({ length: 5_000 }, (_, index) => ({ path: ["value", index], message: "y".repeat(500) }));
    lab.acts["refuses"] = async () => {
      const { TaskError: Made } = await import("taskpact");
      throw new Made("invalid_result", "z".repeat(long), { issues });
    };
    const error = (await lab
      .client()
      .acting("refuses")
      .catch((thrown: TaskError) => thrown)) as TaskError;
    got(`${error.code}, ${error.issues.length} issues`);
    expect(error.code).toBe("invalid_result");
    expect(error.issues.length).toBeLessThan(100);
    expect(error.issues[0]).toMatchObject({ path: ["value", 0] });
    expect(error.issues.at(-1)!.message).toBe("… (cut: 5000 issues in all)");
  },
  60_000,
);
