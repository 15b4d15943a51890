import { expect } from "vitest";
import { reportedOnBrokers } from "./reported.ts";

reportedOnBrokers("A11", "return() on a waiting handle.progress() ends at once", async ({ lab, got }) => {
  const tasks = lab.client();
  const handle = await tasks.submit.held("x");
  const values = handle.progress()[Symbol.asyncIterator]();
  const waiting = values.next();
  await handle.status();
  const left = await Promise.all([waiting, values.return!()]);
  got(left.map(({ done }) => (done === true ? "done" : "more")).join(", "));
  expect(left).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  await expect(values.next()).resolves.toEqual({ done: true, value: undefined });
});
