import { expect, it } from "vitest";
import type { CallLab, LooseTasks } from "./lab.ts";

interface WithEvents {
  readonly events: { stream(): AsyncIterableIterator<unknown> };
}

/** Every async iterator that there is, on a call that never says anything. */
const iterators: Readonly<Record<string, (it: CallLab, tasks: LooseTasks) => Promise<AsyncIterator<unknown>>>> = {
  "handle.progress()": async (_, tasks) => (await tasks.submit.held("x")).progress()[Symbol.asyncIterator](),
  "handle.progress() within a handler": (it, tasks) =>
    new Promise((resolve) => {
      it.acts["reads"] = async (context) => {
        const handle = await context.tasks.submit.held("x");
        resolve(handle.progress()[Symbol.asyncIterator]());
        await handle.result();
      };
      void tasks.safe.acting("reads");
    }),
  "client.events.stream()": async (_, tasks) => (tasks.client as unknown as WithEvents).events.stream(),
};

/** Whatever it is that waits, it can be left. */
export function iteratorRules(lab: () => CallLab): void {
  for (const [name, open] of Object.entries(iterators)) {
    const begin = async () => {
      const it = lab();
      const tasks = it.client({ implementations: [it.implementation("here", ["acting"])] });
      const values = await open(it, tasks);
      return { it, tasks, values, waiting: [values.next(), values.next()] as const };
    };
    const over = { done: true, value: undefined };

    it(`return() ends a waiting ${name} at once`, { timeout: 30_000 }, async () => {
      const { it, values, waiting } = await begin();
      await expect(values.return!()).resolves.toEqual(over);
      await expect(Promise.all(waiting)).resolves.toEqual([over, over]);
      await expect(values.next()).resolves.toEqual(over);
      it.release("x");
    });

    it(`throw() ends a waiting ${name} at once`, { timeout: 30_000 }, async () => {
      const { it, values, waiting } = await begin();
      await expect(values.throw!(new Error("enough"))).rejects.toThrow("enough");
      await expect(Promise.all(waiting)).resolves.toEqual([over, over]);
      it.release("x");
    });

    it(`closing the client ends a waiting ${name}`, { timeout: 60_000 }, async () => {
      const { it, tasks, waiting } = await begin();
      const ends = Promise.allSettled(waiting);
      it.release("x");
      await tasks.client.close();
      for (const end of await ends)
        expect(end.status === "rejected" ? (end.reason as { code: string }).code : end.value.done).toEqual(
          end.status === "rejected" ? "canceled" : true,
        );
    });
  }

  it("a signal ends a waiting handle.progress()", { timeout: 30_000 }, async () => {
    const it = lab();
    const handle = await it.client().submit.held("x");
    const giveUp = new AbortController();
    const reading = handle as unknown as { progress(how: { signal: AbortSignal }): AsyncIterable<unknown> };
    const values = reading.progress({ signal: giveUp.signal })[Symbol.asyncIterator]();
    const waiting = values.next();
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ code: "canceled" });
  });
}
