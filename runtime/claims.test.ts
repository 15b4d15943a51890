import { createWorker, type Logger, task } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";

const log: Logger = { debug() {}, info() {}, warn() {}, error() {} };

test("two busy queues share a worker evenly, wherever they stand among quiet ones", async () => {
  const run = task({ params: {}, result: z.null() });
  const contracts = ["a", "b", "c", "d", "e"].map((queue) => contractOf(queue, { run }, ["run"]));
  const ran: string[] = [];
  const implementations = contracts.map((contract) =>
    implement(contract, {
      run: () => {
        ran.push(contract.name);
        return null;
      },
    }),
  );
  const broker = "memory:shared-evenly";
  type Face = { readonly submit: Readonly<Record<string, { run(): Promise<{ result(): Promise<unknown> }> }>> };
  const { submit, client } = createClient<Face & { client: { close(): Promise<void> } }>(
    { shape: "byContract", contracts },
    { broker, log },
  );
  onTestFinished(() => client.close());
  const calls = await Promise.all(Array.from({ length: 80 }, (_, call) => submit[call % 2 === 0 ? "b" : "c"]!.run()));
  const worker = createWorker({ broker, implementations, concurrency: 1, log });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.stop();
    await running;
  });
  await Promise.all(calls.map((call) => call.result()));
  expect(ran.slice(0, 40).filter((queue) => queue === "b")).toHaveLength(20);
});
