import { Redis } from "ioredis";
import { type Logger, TaskError } from "taskpact";
import { redisBroker } from "taskpact/redis";
import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import type { CredentialsProvider } from "../../runtime/brokers/redis/credentials.ts";
import { CallLab, quiet } from "../calls/lab.ts";
import { connectRedis } from "../redis/external.ts";
import { startRedis } from "../redis/server.ts";
import { startSentinel } from "../redis/sentinel.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { reported } from "./reported.ts";

/** A server whose user `ann` has a token that is replaced at will, and a provider of that token. */
async function serveTokens() {
  const server = await startRedis({ config: ["user ann on >token-0 ~* &* +@all"] });
  onTestFinished(() => server.stop());
  const admin = await connectRedis(server.url);
  onTestFinished(() => admin.disconnect());
  let token = "token-0";
  let asked = 0;
  /** Replaces the token, and ends what was connected with the one before. */
  const rotate = async (): Promise<void> => {
    token = `token-${Number(token.slice(6)) + 1}`;
    await admin.acl("SETUSER", "ann", "resetpass", `>${token}`);
    await admin.client("KILL", "USER", "ann");
  };
  const credentials: CredentialsProvider = async () => {
    asked++;
    return { username: "ann", password: token };
  };
  return { server, rotate, credentials, current: () => token, asked: () => asked };
}

function refusal(credentials: unknown): Promise<unknown> {
  const given = credentials as CredentialsProvider;
  const broker = new RedisBroker(sharedRedisUrl(), {
    namespace: "nobody",
    connectTimeoutMs: 1_000,
    credentials: given,
  });
  onTestFinished(() => broker.close());
  return broker.presence("q").catch((error: unknown) => error);
}

describeRedis("credentials that a function gives", () => {
  reported(
    "G6",
    "calls go on after the token was replaced and the connections were cut",
    async (got) => {
      const { server, rotate, credentials, asked } = await serveTokens();
      const lab = new CallLab(() => redisBroker(server.url, { credentials }));
      await lab.worker();
      const tasks = lab.client();
      const answers = [await tasks.addition(1, 2)];
      const before = asked();
      for (let round = 0; round < 3; round++) {
        await rotate();
        answers.push(await tasks.addition(1, 2));
      }
      got(`${answers.length} of 4 answered, asked ${asked() > before ? "again" : "once"}`);
      expect(answers).toEqual([3, 3, 3, 3]);
      expect(asked()).toBeGreaterThan(before);
    },
    60_000,
  );

  reported(
    "G6",
    "a token that expired on its way is asked for again, also of a server that sentinels know",
    async (got) => {
      const { server, rotate, current } = await serveTokens();
      const port = await startSentinel(server, "primary", onTestFinished);
      await rotate();
      const sources = [server.url, { sentinels: [{ host: "127.0.0.1", port }], name: "primary" }];
      const asked: number[] = [];
      for (const source of sources) {
        let count = 0;
        const credentials = () => ({ username: "ann", password: ++count === 1 ? "token-0" : current() });
        const broker = new RedisBroker(source, { namespace: "stale", credentials });
        onTestFinished(() => broker.close());
        expect(await broker.presence("q")).toEqual([]);
        asked.push(count);
      }
      got(`asked ${asked.join(" and ")} times`);
      expect(asked).toEqual([2, 2]);
    },
    60_000,
  );

  reported(
    "G6",
    "the leases of a worker whose event loop is blocked are kept with the new token",
    async (got) => {
      const { server, rotate, credentials } = await serveTokens();
      const lab = new CallLab(() => redisBroker(server.url, { credentials }));
      const warned: string[] = [];
      const warn: Logger["warn"] = (_, message) => void warned.push(message);
      await rotate();
      await lab.worker({ leaseMs: 1_000, log: { ...quiet, warn } });
      const tasks = lab.client();
      expect(await tasks.addition(1, 2)).toBe(3);
      lab.acts["block"] = (_, ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
      await tasks.acting("block", 4_000);
      const kept = "a handler blocked the event loop; the leases were kept meanwhile";
      await expect.poll(() => warned, { timeout: 20_000 }).toContain(kept);
      got(warned.join("; "));
    },
    60_000,
  );

  reported(
    "G6",
    "a function that throws, hangs or gives something else is named, and no secret with it",
    async (got) => {
      const failures = await Promise.all([
        refusal(() => Promise.reject(new Error("the metadata service is away"))),
        refusal(() => new Promise(() => undefined)),
        refusal(() => ({ password: 5, token: "sesame" })),
        refusal(() => undefined),
        refusal(() => ({ password: "" })),
      ]);
      const words = failures.map((failure) => (failure instanceof TaskError ? failure.message : String(failure)));
      got(words.join(" | "));
      const garbage = /^\[unavailable\] the credentials function of the broker must give \{ username\?, password \}/;
      expect(words).toEqual([
        expect.stringMatching(
          /^\[unavailable\] can't reach Redis .*credentials function failed: the metadata service is away$/,
        ),
        expect.stringMatching(
          /^\[unavailable\] can't reach Redis .*credentials function failed: nothing within 800 ms$/,
        ),
        expect.stringMatching(garbage),
        expect.stringMatching(garbage),
        expect.stringMatching(garbage),
      ]);
      expect(words.join(" ")).not.toMatch(/sesame/);
      expect(() => redisBroker("redis://host", { credentials: "sesame" as never })).toThrow(
        /credentials must be a function/,
      );
    },
  );

  reported("G6", "an instance of ioredis stands for its options, and the log says so", async (got) => {
    const instance = new Redis(sharedRedisUrl(), { lazyConnect: true });
    const told: string[] = [];
    const log: Logger = { ...quiet, info: (_, message) => void told.push(message) };
    const broker = redisBroker(instance, { namespace: "instance", log });
    onTestFinished(() => broker.close());
    await broker.presence("q");
    got(told.join("; "));
    expect(told).toEqual(["of an ioredis instance Taskpact takes the options, and connects by itself"]);
    expect(instance.status).toBe("wait");
    instance.disconnect();
  });
});
