import { createWorker } from "taskpact";
import { expect, onTestFinished } from "vitest";
import { RedisBroker } from "../../runtime/brokers/redis/broker.ts";
import type { RedisSource } from "../../runtime/brokers/redis/source.ts";
import { CallLab, quiet } from "../calls/lab.ts";
import { startSentinel } from "../redis/sentinel.ts";
import { type RedisServer, startRedis } from "../redis/server.ts";
import { describeRedis } from "../redis/suite.ts";
import { reported } from "./reported.ts";

/** How commands are withheld: from all, or from a user. */
type Way = "disabled" | "forbidden";

/** A server on which some commands can't be had, and what it is reached by. */
async function serveWithout(
  commands: readonly string[],
  way: Way,
): Promise<{ readonly server: RedisServer; readonly source: RedisSource }> {
  const config =
    way === "disabled"
      ? commands.map((command) => `rename-command ${command} ""`)
      : [`user ann on >sesame ~* &* +@all ${commands.map((command) => `-${command}`).join(" ")}`];
  const server = await startRedis({ config });
  onTestFinished(() => server.stop());
  const login = way === "disabled" ? {} : { username: "ann", password: "sesame" };
  return { server, source: { port: server.port, ...login } };
}

/** It waits for longer than the test: what fails at once is not waited for. */
function labOn(source: RedisSource): CallLab {
  return new CallLab(() => new RedisBroker(source, { namespace: "restricted", connectTimeoutMs: 120_000 }));
}

const ways: readonly Way[] = ["disabled", "forbidden"];
const unneeded = [["INFO"], ["PING"], ["CLIENT"], ["INFO", "HELLO"], ["INFO", "PING", "CLIENT", "HELLO", "SCRIPT"]];

describeRedis("a server without some commands", () => {
  reported(
    "E3",
    "works without INFO, PING, CLIENT, HELLO and SCRIPT",
    async (got) => {
      const answers: unknown[] = [];
      for (const way of ways) {
        for (const commands of unneeded) {
          const lab = labOn((await serveWithout(commands, way)).source);
          const { stop } = await lab.worker();
          answers.push(await lab.client().addition(1, 2));
          await stop();
        }
      }
      got(`${answers.filter((answer) => answer === 3).length} of ${answers.length} answered`);
      expect(answers).toEqual(answers.map(() => 3));
    },
    60_000,
  );

  reported(
    "E3",
    "works without INFO, PING and CLIENT on a server that sentinels know",
    async (got) => {
      const { server } = await serveWithout(["PING", "CLIENT"], "disabled");
      const port = await startSentinel(server, "primary", onTestFinished);
      const lab = labOn({ sentinels: [{ host: "127.0.0.1", port }], name: "primary" });
      await lab.worker();
      const answer = await lab.client().addition(1, 2);
      got(String(answer));
      expect(answer).toBe(3);
    },
    60_000,
  );

  for (const way of ways) {
    reported(
      "E3",
      `says at once which command it needs, and what to do (${way})`,
      async (got) => {
        const words: string[] = [];
        for (const command of ["SUBSCRIBE", "EVALSHA", "EVAL"]) {
          const { source } = await serveWithout([command], way);
          const lab = labOn(source);
          const called = await lab.client().safe.addition(1, 2);
          const worker = createWorker({
            broker: lab.broker(),
            implementations: [lab.implementation("here")],
            log: quiet,
          });
          const worked = await worker.run().then(
            () => "it has stopped",
            (error: Error) => error.message,
          );
          words.push(called.ok ? "it answered" : called.error.message, worked);
          for (const said of words.slice(-2)) {
            expect(said).toMatch(
              way === "disabled"
                ? new RegExp(`^\\[unavailable\\].* has no command ${command}, which Taskpact needs`)
                : new RegExp(`^\\[unavailable\\].* NOPERM .*"Rights", here \\+${command.toLowerCase()}$`),
            );
          }
        }
        got(`${words.length} of ${words.length} say it`);
      },
      60_000,
    );
  }
});
