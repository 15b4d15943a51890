import { expect } from "vitest";
import { reportedOnBrokers } from "./reported.ts";

reportedOnBrokers(
  "A7",
  "no call is unimplemented after a worker for it has become present",
  async ({ lab, got }) => {
    await lab.worker({ implementations: [lab.implementation("old", ["addition"])] });
    const tasks = lab.client();
    await expect(tasks.movable([])).rejects.toMatchObject({ code: "unimplemented" });
    await lab.worker({}, "new");
    const answers = await Promise.all(Array.from({ length: 60 }, () => tasks.safe.movable([])));
    const unimplemented = answers.filter((answer) => !answer.ok).length;
    got(`${unimplemented} of 60 unimplemented`);
    expect(unimplemented).toBe(0);
  },
  30_000,
);

reportedOnBrokers(
  "A7",
  "auto goes to a worker that has just become present, and not to one that has gone",
  async ({ lab, got }) => {
    const tasks = lab.client({ implementations: [lab.implementation("here")] }).with({ policy: "auto" });
    const places = [await tasks.movable([])];
    const worker = await lab.worker();
    places.push(await tasks.movable([]));
    await worker.stop();
    places.push(await tasks.with({ timeoutMs: 20_000 }).movable([]));
    got(places.join(", "));
    expect(places).toEqual(["here", "worker", "here"]);
  },
  30_000,
);
