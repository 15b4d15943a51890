import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { TaskError } from "taskpact";
import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { discardScript } from "../../runtime/brokers/redis/scripts/discard.ts";
import { CallLab, type HandlerContext, type LooseHandle } from "../calls/lab.ts";
import { Proxy } from "../protocol/proxy.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported } from "./reported.ts";

async function serve(config: readonly string[] = []) {
  const server = await startRedis({ config });
  onTestFinished(() => server.stop());
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  return { server, admin, lab: new CallLab(() => new RedisBroker(server.url, { namespace: "test" })) };
}

describeRedis("what is unknown", () => {
  reported(
    "A8",
    "a result that is read once has one reader, also where a reply was lost",
    async (got) => {
      const { server, lab } = await serve();
      const proxy = await Proxy.to(server.url, onTestFinished);
      await lab.worker();
      const { id } = await lab.client().submit.addition(1, 2);
      await lab.client().client.handle("addition", id).result();
      const slow = new RedisBroker(proxy.url, { namespace: "test" });
      onTestFinished(() => slow.close());
      await slow.operator.forget("lab", "another"); // The script is loaded, the connection there.
      const first = await lab.client().client.handle("addition", id).result({ once: true });
      const loss = proxy.loseReplyTo(discardScript.sha);
      const second = await slow.operator.forget("lab", id);
      await loss.lost;
      got(`the first reads ${String(first)}, the second: ${second}`);
      expect([first, second]).toEqual([3, "unknown"]);
    },
    60_000,
  );

  reported(
    "A8",
    "at most one of three readers gets a result, while connections are cut",
    async (got) => {
      const namespace = namespaceUntil(onTestFinished);
      const lab = new CallLab(() => new RedisBroker(sharedRedisUrl(), { namespace }));
      await lab.worker();
      const client = lab.client();
      const handles = await Promise.all(Array.from({ length: 200 }, (_, n) => client.submit.addition(n, 0)));
      await Promise.all(handles.map((handle) => handle.result()));
      const proxy = await Proxy.to(sharedRedisUrl(), onTestFinished);
      const cut = new CallLab(() => new RedisBroker(proxy.url, { namespace }));
      let cuts = 0;
      // Not for ever: on a busy machine, no connection lasts until it can be used.
      const cutting = setInterval(() => ++cuts < 50 && proxy.cut(""), 40);
      onTestFinished(() => clearInterval(cutting));
      const readers = [1, 2, 3].map(() => cut.client());
      const given = await Promise.all(
        handles.map(async ({ id }) => {
          const reads = readers.map((reader) =>
            reader.client
              .handle("addition", id)
              .result({ once: true })
              .then(
                () => "read",
                ({ code }: TaskError) => code,
              ),
          );
          return (await Promise.all(reads)).filter((read) => read === "read").length;
        }),
      );
      got(`${given.filter((count) => count > 1).length} of 200 given twice`);
      expect(Math.max(...given)).toBeLessThanOrEqual(1);
    },
    120_000,
  );

  reported(
    "A9",
    "a child whose submit ended as unknown is canceled with its parent",
    async (got) => {
      const { server, lab } = await serve();
      let code = "";
      lab.acts["parent"] = async (context: HandlerContext) => {
        await context.tasks.submit.addition(0, 0);
        server.pause();
        try {
          const child = {
            parent: context as never,
            cancelWithParent: true,
            acceptTimeoutMs: 300,
            delayMs: 3_600_000,
            id: "child",
          };
          await context.tasks.with(child).submit.addition(1, 2);
        } catch (thrown) {
          ({ code } = thrown as TaskError);
          throw thrown;
        } finally {
          setTimeout(() => server.resume(), 200);
        }
      };
      await lab.worker();
      const tasks = lab.client().with({ policy: "remote-only" });
      await tasks.addition(1, 2);
      expect((await tasks.safe.acting("parent", null)).ok).toBe(false);
      const child = lab.client().client.handle("addition", "child");
      await expect.poll(() => child.exists(), { timeout: 20_000 }).toBe(true);
      await expect.poll(async () => (await child.status()).state, { timeout: 20_000 }).toBe("canceled");
      got(`its submit: ${code}; the child: ${(await child.status()).state}`);
      expect(code).toBe("outcome_unknown");
    },
    60_000,
  );

  reported(
    "A10",
    "each call of a batch has its own answer when Redis is out of memory in the midst of it",
    async (got) => {
      const { admin, lab } = await serve(["maxmemory-policy noeviction"]);
      const tasks = lab.client().with({ policy: "remote-only", timeoutMs: 60_000 });
      await lab.client().submit.addition(1, 2);
      const used = Number(/used_memory:(\d+)/.exec(await admin.info("memory"))?.[1]);
      await admin.config("SET", "maxmemory", used + 8_000_000);
      const answers = Array.from({ length: 12 }, (_, n) => {
        const answer = tasks.safe.anything(n + "x".repeat(900_000));
        return answer.then((one) => (one.ok ? "ok" : one.error.code));
      });
      const first = await Promise.race(answers);
      await admin.config("SET", "maxmemory", 0);
      await lab.worker({ maxResultBytes: 2_000_000 });
      const codes = await Promise.all(answers);
      const count = (code: string) => codes.filter((one) => one === code).length;
      got(`${count("resource_exhausted")} refused, ${count("ok")} answered, ${count("outcome_unknown")} unknown`);
      expect(first).toBe("resource_exhausted");
      expect([count("resource_exhausted") > 0, count("ok") > 0]).toEqual([true, true]);
      expect(count("resource_exhausted") + count("ok")).toBe(12);
    },
    60_000,
  );

  reported(
    "E2",
    "a server that is read-only for 1.5 s is waited for",
    async (got) => {
      const { admin, lab } = await serve();
      const warnings: string[] = [];
      const warned = (warning: Error): void => void warnings.push(warning.name);
      process.on("warning", warned);
      onTestFinished(() => void process.off("warning", warned));
      const tasks = lab.client();
      await tasks.submit.addition(1, 2);
      await admin.replicaof("127.0.0.1", 1);
      const submits = Array.from({ length: 20 }, async (_, n) => {
        await sleep(n);
        return tasks.submit.addition(n, 1);
      });
      await sleep(1_500);
      await admin.replicaof("NO", "ONE");
      const settled = await Promise.allSettled<LooseHandle>(submits);
      const accepted = settled.filter(({ status }) => status === "fulfilled").length;
      await lab.worker();
      got(`${accepted} of 20 accepted, ${warnings.length} warnings`);
      expect([accepted, warnings]).toEqual([20, []]);
    },
    60_000,
  );
});
