import type { Broker } from "taskpact";
import { expect } from "vitest";
import { reportedOnBrokers } from "./reported.ts";

reportedOnBrokers(
  "F7",
  "a call whose submission arrives after a revoke falls back all the same",
  async ({ lab, got }) => {
    const broker = lab.broker();
    let revokes = 0;
    let arrive = (): void => {};
    const revoked = new Promise<void>((resolve) => (arrive = resolve));
    // A line that is lost and mended: what was sent on it comes again, behind what was sent later.
    const slow = brokerWith(broker, {
      async submit(name, batch) {
        for (const { caller } of batch.calls) caller?.sent();
        await revoked;
        return broker.submit(name, batch);
      },
      async revoke(...about) {
        const answer = await broker.revoke(...about);
        revokes += 1;
        arrive();
        return answer;
      },
    });
    const tasks = lab.client({ broker: slow, implementations: [lab.implementation("here")] });
    const fallback = tasks.with({ policy: "remote-first", fallbackAfterMs: 500, timeoutMs: 20_000 });
    const answer = await fallback.safe.movable([]);
    got(answer.ok ? `answered ${String(answer.value)}, after ${revokes} revokes` : answer.error.message);
    expect(answer).toEqual({ ok: true, value: "here" });
    expect(lab.ran).toEqual(["movable:here"]);
  },
  60_000,
);

/** A broker with some of its methods in other hands. */
function brokerWith(broker: Broker, methods: Partial<Broker>): Broker {
  return new globalThis.Proxy(broker, {
    get(target, name) {
      if (name in methods) return methods[name as keyof Broker];
      const member = Reflect.get(target, name, target) as unknown;
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}
