import { openMemory } from "../../runtime/brokers/memory.ts";
import { ManualClock } from "../../runtime/testing/manual-clock.ts";
import { conformanceTests } from "./suite.ts";

let count = 0;

conformanceTests("memory:", async () => {
  const clock = new ManualClock();
  const url = `memory:conformance-${count++}`;
  const connections: { close(): Promise<void> }[] = [];
  return {
    connect: async () => {
      const broker = openMemory(url, { namespace: "test", clock });
      connections.push(broker);
      return broker;
    },
    advance: (ms) => clock.advance(ms),
    dispose: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
});
