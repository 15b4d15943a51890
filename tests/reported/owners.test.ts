import { createWorker, type Logger, task } from "taskpact";
import { contractOf, createClient, implement, type Registry } from "taskpact/codegen";
import { expect, onTestFinished } from "vitest";
import * as z from "zod";
import type { Broker } from "taskpact";
import { reportedOnBrokers } from "./reported.ts";

const send = task({ params: { to: z.string() }, result: z.string() });

interface Mailer {
  readonly safe: Record<
    "send",
    (to: string) => Promise<{ ok: boolean; value?: unknown; error?: { code: string; reason: string } }>
  >;
  readonly client: {
    close(): Promise<void>;
    queues(): Promise<readonly { conflicts: readonly unknown[] }[]>;
    workers(): Promise<readonly { owners: readonly string[] }[]>;
  };
}

/** A service with a `contracts/email.ts`, as its generated index has it. */
function service(owner: string | undefined, open: () => string | Broker) {
  const contract = contractOf("email", { send }, ["send"]);
  const registry: Registry = { shape: "flat", contracts: [contract], owner };
  const implementation = implement(contract, { send: ({ to }: { to: string }) => `${owner} to ${to}` }, registry);
  const warnings: object[] = [];
  return {
    warnings,
    client(options: object = {}): Mailer {
      const broker = open();
      const tasks = createClient<Mailer>(registry, { broker, ...options });
      onTestFinished(async () => {
        await tasks.client.close();
        if (typeof broker !== "string") await broker.close();
      });
      return tasks;
    },
    implementation,
    async start(): Promise<() => Promise<void>> {
      const broker = open();
      let listening!: () => void;
      const listens = new Promise<void>((resolve) => (listening = resolve));
      const log: Logger = {
        debug() {},
        info: (_, message) => void (message === "listening" && listening()),
        warn: (fields) => void warnings.push(fields),
        error() {},
      };
      const worker = createWorker({ broker, implementations: [implementation], log, handleSignals: false });
      const running = worker.run();
      await Promise.race([listens, running]);
      let stopped: Promise<void> | undefined;
      const stop = (): Promise<void> =>
        (stopped ??= worker.stop({ graceMs: 0 }).then(async () => {
          await running;
          if (typeof broker !== "string") await broker.close();
        }));
      onTestFinished(stop);
      return stop;
    },
  };
}

reportedOnBrokers(
  "G1",
  "a call is refused, naming both owners, and not handed to another owner's handler; both are warned of",
  async ({ open, got }) => {
    const [shop, bank, old] = [service("@acme/shop", open), service("@acme/bank", open), service(undefined, open)];
    const stopBank = await bank.start();
    expect(bank.warnings).toEqual([]);
    const refused = await shop.client().safe.send("ada");
    got(`${refused.error?.code}: ${refused.error?.reason}`);
    expect(refused).toMatchObject({
      ok: false,
      error: {
        code: "unavailable",
        reason: expect.stringMatching(/"@acme\/shop".*"@acme\/bank".*namespace.*owner/) as string,
      },
    });
    // Who names no owner is served by anybody; and the owner's own calls are.
    expect(await old.client().safe.send("ada")).toMatchObject({ ok: true, value: "@acme/bank to ada" });
    expect(await bank.client().safe.send("ada")).toMatchObject({ ok: true, value: "@acme/bank to ada" });
    // Nor does it run in a process of the caller's that was given the other's handlers.
    const mixed = await shop.client({ implementations: [bank.implementation] }).safe.send("ada");
    expect(mixed).toMatchObject({ ok: false, error: { code: "unavailable" } });
    await shop.start();
    expect(shop.warnings).toMatchObject([{ queue: "email", task: "email.send", owners: ["@acme/bank", "@acme/shop"] }]);
    const { client } = shop.client();
    expect(await client.queues()).toMatchObject([
      { conflicts: [{ task: "email.send", owners: ["@acme/bank", "@acme/shop"] }] },
    ]);
    expect((await client.workers()).flatMap(({ owners }) => owners).toSorted()).toEqual(["@acme/bank", "@acme/shop"]);
    await stopBank();
    expect(await shop.client().safe.send("ada")).toMatchObject({ ok: true, value: "@acme/shop to ada" });
    await old.start();
    expect(old.warnings).toEqual([]);
  },
  60_000,
);
