import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { CallLab } from "../calls/lab.ts";
import { startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { reported } from "./reported.ts";

describeRedis("on a Redis that dies", () => {
  reported(
    "D8",
    "a worker stops within its grace and a few seconds while Redis is dead",
    async (got) => {
      const server = await startRedis();
      onTestFinished(() => server[Symbol.asyncDispose]());
      const lab = new CallLab(() => new RedisBroker(server.url, { namespace: "stops" }));
      const tasks = lab.client();
      // Its lease would last a minute.
      const worker = await lab.worker({ leaseMs: 60_000 });
      const answer = tasks.safe.held("x");
      await lab.begun("x");
      await server[Symbol.asyncDispose]();
      lab.release("x");
      const began = performance.now();
      await worker.stop(1_000);
      const tookMs = Math.round(performance.now() - began);
      got(`${tookMs} ms with a grace of 1000 ms`);
      // Far below the lease, and what a second grace would add: how long exactly is docs/reliability.md's to say.
      expect(tookMs).toBeLessThan(30_000);
      await tasks.client.close();
      await answer;
    },
    90_000,
  );
});
