import { encode } from "../../codec.ts";
import { readReply } from "../../envelope.ts";
import type { Chapter } from "./chapter.ts";
import { expect } from "./expectation.ts";
import { queue, reply, submission } from "./lab.ts";

/** What is told to whom. */
export function noticeRules({ lab, rule }: Chapter): void {
  rule("the client that a request names hears of its end, with the record", async () => {
    const other = await lab().connect();
    const inbox = await lab().client("caller", other);
    await lab().submit("a", { to: "caller" });
    await lab().finish(await lab().claimOne(), 10);
    const [notice] = await inbox.heard(1);
    expect(notice).toMatchObject({ kind: "ended", id: "a" });
    expect(notice?.kind === "ended" && readReply(notice.record!)).toEqual({ value: 10 });
  });

  rule("each hears its own calls only", async () => {
    const [one, two, nobody] = await Promise.all([lab().client("one"), lab().client("two"), lab().client("on")]);
    await lab().submitAll([submission("a", { to: "one" }), submission("b", { to: "two" }), submission("c")]);
    for (const call of await lab().claim()) await lab().finish(call);
    expect(await one.heard(1)).toMatchObject([{ id: "a" }]);
    expect(await two.heard(1)).toMatchObject([{ id: "b" }]);
    await lab().settled();
    expect(nobody.notices).toEqual([]);
  });

  rule(
    "of replies that come together, each client hears its own, however long its name, and whoever else waits",
    async () => {
      const names = ["a", "abcdefghij", "abcdefghijk", "abcdefghijkl", "l".repeat(31)];
      const [inboxes, other] = await Promise.all([
        Promise.all(names.map((name) => lab().client(name))),
        lab().client("other"),
      ]);
      const calls = names.flatMap((to, nth) =>
        [0, 1, 2].map((n) => submission(`${nth}.${n}`, { to, header: { deadline: 30_000 } })),
      );
      await lab().submitAll([...calls, submission("nobody's"), submission("nobody's either")]);
      // One of three that begin alike has another who waits for it.
      await lab().submit("1.1", { to: "other", params: { id: "1.1" }, header: { deadline: 30_000 } });
      const claimed = await lab().claim();
      const reports = claimed.map(({ id, fence }) => ({
        kind: "finish" as const,
        id,
        fence,
        record: reply(id),
        ttlMs: 60_000,
      }));
      expect(new Set(await lab().broker.finish(queue, reports))).toEqual(new Set(["accepted"]));
      for (const [nth, inbox] of inboxes.entries()) {
        const heard = await inbox.heard(3);
        expect(heard.map((notice) => ("id" in notice ? notice.id : notice.kind))).toEqual(
          [0, 1, 2].map((n) => `${nth}.${n}`),
        );
      }
      expect(await other.heard(1)).toMatchObject([{ kind: "ended", id: "1.1" }]);
    },
  );

  rule("notices come in the order of what they tell", async () => {
    const inbox = await lab().client("caller");
    await lab().submitAll(Array.from({ length: 20 }, (_, index) => submission(`c${index}`, { to: "caller" })));
    const claimed = await lab().claim();
    for (const call of claimed) {
      await lab().report(call, { kind: "progress", value: encode(1) });
      if (call.id === "c3") await lab().broker.cancel(queue, "c3");
      else await lab().finish(call);
    }
    const notices = await inbox.heard(40);
    expect(notices.map((notice) => `${notice.kind} ${"id" in notice ? notice.id : ""}`)).toEqual(
      claimed.flatMap(({ id }) => [`progress ${id}`, `ended ${id}`]),
    );
  });

  rule("a reply of more than 8 KiB is told without its record, and read", async () => {
    const inbox = await lab().client("caller");
    await lab().submitAll([submission("small", { to: "caller" }), submission("large", { to: "caller" })]);
    const [small, large] = await lab().claim();
    await lab().finish(small!, "x".repeat(8_000));
    await lab().finish(large!, "x".repeat(8_192));
    const notices = await inbox.heard(2);
    expect(notices.map((notice) => notice.kind === "ended" && notice.record !== undefined)).toEqual([true, false]);
    expect(readReply((await lab().read("large"))!.record)).toEqual({ value: "x".repeat(8_192) });
  });

  rule("a second client that sends the same call is told, too, once", async () => {
    const [first, second] = await Promise.all([lab().client("first"), lab().client("second")]);
    await lab().submit("a", { to: "first" });
    await lab().submit("a", { to: "second" });
    await lab().submit("a", { to: "second" });
    await lab().submit("a", { to: "first" });
    await lab().finish(await lab().claimOne());
    await Promise.all([first.heard(1), second.heard(1)]);
    await lab().settled();
    expect([first.notices.length, second.notices.length]).toEqual([1, 1]);
  });

  rule("a client that reads as a waiter is told of progress and the end, once, also after a retry", async () => {
    const inbox = await lab().client("waiter");
    await lab().submit("a");
    await lab().read("a", "waiter");
    await lab().read("a", "waiter");
    await lab().retry(await lab().claimOne());
    const claimed = await lab().claimOne();
    await lab().report(claimed, { kind: "progress", value: encode(1) });
    await lab().finish(claimed);
    await inbox.heard(2);
    await lab().settled();
    expect(inbox.notices.map(({ kind }) => kind)).toEqual(["progress", "ended"]);
  });

  rule("a client that reads a call that has ended is told nothing: it has the record", async () => {
    const inbox = await lab().client("waiter");
    await lab().submit("a");
    await lab().finish(await lab().claimOne());
    expect((await lab().read("a", "waiter"))?.state).toBe("succeeded");
    await lab().submitAll([submission("a", { to: "waiter" })], ["a"]);
    await lab().finish(await lab().claimOne());
    expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
    await lab().settled();
    expect(inbox.notices.length).toBe(1);
  });

  rule("a revoked call's other waiters are told", async () => {
    const inbox = await lab().client("waiter");
    await lab().submit("a", { to: "caller" });
    await lab().read("a", "waiter");
    await lab().broker.revoke(queue, "a", "n");
    expect(await inbox.heard(1)).toMatchObject([{ kind: "ended", id: "a" }]);
  });

  rule("all who hear a channel are told; one who stopped is not", async () => {
    const [one, two] = await Promise.all([lab().client("caller"), lab().client("caller", await lab().connect())]);
    await lab().submitAll([submission("a", { to: "caller" }), submission("b", { to: "caller" })]);
    const [a, b] = await lab().claim();
    await lab().finish(a!);
    await Promise.all([one.heard(1), two.heard(1)]);
    await one.stop();
    await one.stop();
    await lab().finish(b!);
    await two.heard(2);
    expect(one.notices.length).toBe(1);
  });

  rule("a listener never runs inside the step that it hears of, and may take steps itself", async () => {
    let inside = false;
    const heard: boolean[] = [];
    const later = new Promise((resolve) => {
      void lab().broker.subscribe("client:caller", (notice) => {
        heard.push(inside);
        if (notice.kind === "ended" && notice.id === "a") void lab().broker.cancel(queue, "b").then(resolve);
      });
    });
    await lab().submitAll([submission("a", { to: "caller" }), submission("b", { to: "caller" })]);
    inside = true;
    const canceled = lab().broker.cancel(queue, "a");
    inside = false;
    await canceled;
    expect(await later).toMatchObject({ state: "canceled" });
    await lab().eventually(() => expect(heard).toEqual([false, false]));
  });
}
