import { onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { describeRedis, sharedRedisUrl } from "../redis/suite.ts";
import { telemetryRules } from "./suite.ts";

describeRedis("over a real Redis", () => {
  telemetryRules("redis:", () => {
    const namespace = namespaceUntil(onTestFinished);
    return () => new RedisBroker(sharedRedisUrl(), { namespace });
  });
});
