import { expect, test } from "vitest";
import { Askings } from "./asking.ts";

const queue = { name: "q", tasks: ["q.task"] };
const request = { worker: "w", queues: [queue], limit: 1, waitMs: 0, leaseMs: 1_000, suspect: false };
const signal = new AbortController().signal;

test("the first claim after an outage asks for what was lost with it, however many could not be sent meanwhile", () => {
  const askings = new Askings("test");
  const begin = () => askings.begin(queue, { ...request, signal }, 1);
  const lost = begin();
  const token = lost.args()[6];
  lost.unanswered();
  for (let count = 0; count < 3; count++) begin().unanswered();
  expect(begin().args()[7]).toBe(token);
  expect(begin().args()[7]).toBe("");
});

test("a claim that was sent again asks for what its first sending was given, and the next one for what was lost before", () => {
  const askings = new Askings("test");
  const begin = () => askings.begin(queue, { ...request, signal }, 1);
  const lost = begin();
  const token = lost.args()[6];
  lost.unanswered();
  const twice = begin();
  expect(twice.args(false)[7]).toBe(token);
  expect(twice.args(true)[7]).toBe(twice.args(true)[6]);
  expect(begin().args()[7]).toBe(token);
});
