import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Broker } from "./broker.ts";
import { TaskError } from "./errors.ts";
import { type LockRequest, LockRoom } from "./lock-room.ts";
import { type LockAnswer, localLifeMs } from "./locks.ts";

vi.mock("./real-time.ts", () => import("../tests/movable-time.ts"));

const request: LockRequest = {
  name: "l",
  queue: "q",
  owner: { id: "a", fence: 1, nth: 1 },
  waitMs: Number.POSITIVE_INFINITY,
  leftMs: 60_000,
  signal: new AbortController().signal,
};

/** A room on a broker that answers as it is told, and then always as the last time. */
function roomOf(...answers: readonly (LockAnswer | Error)[]) {
  let asked = 0;
  const take = vi.fn<() => Promise<LockAnswer>>(async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)]!;
    if (answer instanceof Error) throw answer;
    return answer;
  });
  const leave = vi.fn<() => Promise<void>>(async () => undefined);
  const warn = vi.fn<(fields: object, message: string) => void>();
  const subscribe = async () => async () => undefined;
  const log = { debug() {}, info() {}, warn, error() {} };
  const room = new LockRoom({ locks: { take, leave }, subscribe } as unknown as Broker, log);
  return { room, take, leave, warn };
}

const taken: LockAnswer = { outcome: "taken", fence: 7 };
const away = new TaskError("unavailable", "it is away");

test("a broker that is away is waited for, if there is time", async () => {
  const { room, take, leave } = roomOf(away, taken);
  await expect(room.take(request)).resolves.toMatchObject({ fence: 7 });
  expect(take).toHaveBeenCalledTimes(2);
  expect(leave).not.toHaveBeenCalled();
});

test("a broker that is away, or breaks, is the handler's failure, and not told as if the call had not begun", async () => {
  for (const [fault, waitMs] of [
    [away, 0],
    [new TaskError("internal", "a bug"), 1_000],
  ] as const) {
    const { room } = roomOf(fault);
    await expect(room.take({ ...request, waitMs })).rejects.toMatchObject({ code: "failed", cause: fault });
  }
  await expect(new LockRoom({} as Broker, console).take(request)).rejects.toMatchObject({ code: "failed" });
});

test("an owner without a lease asks again if the answer came too late", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { room, take } = roomOf(taken, { outcome: "taken", fence: 9 });
  take.mockImplementationOnce(async () => {
    vi.setSystemTime(0);
    await vi.advanceTimersByTimeAsync(localLifeMs);
    return taken;
  });
  await expect(room.take({ ...request, owner: { id: "a", fence: 0, nth: 1 } })).resolves.toMatchObject({ fence: 7 });
  expect(take).toHaveBeenCalledTimes(2);
});

test("where nobody aborts it, the wait for a lock ends with the attempt's time", async () => {
  const { room, leave } = roomOf({ outcome: "busy" });
  await expect(room.take({ ...request, leftMs: 20 })).rejects.toMatchObject({ code: "deadline_exceeded" });
  expect(leave).toHaveBeenCalledTimes(1);
});

test("what an attempt that was aborted meanwhile is given goes back", async () => {
  const { room, leave } = roomOf(taken);
  const reason = new TaskError("canceled", "the call was canceled");
  await expect(room.take({ ...request, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect(leave).toHaveBeenCalledTimes(1);
});

test("a lock that is held goes back once: when it is given, or its attempt is aborted", async () => {
  const { room, leave } = roomOf(taken);
  const attempt = new AbortController();
  const held = await room.take({ ...request, signal: attempt.signal });
  attempt.abort();
  expect(leave).toHaveBeenCalledTimes(1);
  held.leave();
  expect(leave).toHaveBeenCalledTimes(1);
});

test("giving back is tried again while the broker is away", async () => {
  const { room, leave } = roomOf(taken);
  leave.mockRejectedValueOnce(away);
  (await room.take(request)).leave();
  await expect.poll(() => leave.mock.calls.length).toBe(2);
});

test("a room that is closed gives nothing back any more: a broker that is away keeps no process", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  const { room, leave } = roomOf(taken);
  leave.mockRejectedValue(away);
  (await room.take(request)).leave();
  await turn();
  expect(timers()).toBe(before + 1);
  await room.close();
  expect(timers()).toBe(before);
});

test("without a lease a lock is kept by asking, as long as it is held; that it has lapsed is logged", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { room, take, warn } = roomOf(taken, taken, taken, { outcome: "busy" });
  const held = await room.take({ ...request, owner: { id: "a", fence: 0, nth: 1 } });
  await vi.advanceTimersByTimeAsync(localLifeMs / 2);
  expect(take).toHaveBeenCalledTimes(3);
  expect(warn).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(localLifeMs / 5);
  expect(warn).toHaveBeenCalledTimes(1);
  held.leave();
  const asked = take.mock.calls.length;
  await vi.advanceTimersByTimeAsync(localLifeMs);
  expect(take).toHaveBeenCalledTimes(asked);
});
