import { beforeAll, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { builtLab } from "./built.ts";
import { cpuRules } from "./rules.ts";
import { CpuStage, type Pooled } from "./stage.ts";

describeRedis("tasks with cpu over a real Redis", { timeout: 60_000 }, () => {
  let pooled: Pooled;

  beforeAll(async () => {
    pooled = await builtLab();
  }, 120_000);

  cpuRules(() => {
    const namespace = namespaceUntil(onTestFinished);
    return new CpuStage(() => new RedisBroker(sharedRedisUrl(), { namespace }), pooled);
  });
});
