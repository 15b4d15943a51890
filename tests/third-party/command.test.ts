import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { CommandStage } from "../command-stage.ts";
import { startShelf } from "./stage.ts";

// Processes of their own, on machines that have other things to do.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const handlers = `
import { implementMath } from "../generated/index.ts";
export const math = implementMath({
  addition: ({ a, b }) => a + b,
  subtraction: ({ minuend, subtrahend }) => minuend - subtrahend,
  division: ({ dividend, divisor }) => dividend / divisor,
});
`;

let stage: CommandStage;
let server: Awaited<ReturnType<typeof startShelf>>;

/** In the project, the shelf is a package's as any other; here, its modules lie beside the handlers. */
beforeAll(async () => {
  server = await startShelf();
  stage = await CommandStage.open();
  for (const name of ["broker.ts", "frames.ts", "open.ts"])
    await stage.write(`shelf/${name}`, await readFile(new URL(name, import.meta.url), "utf8"));
  await stage.write("handlers/index.ts", handlers);
  await stage.write("handlers/shelved.ts", `import "../shelf/open.ts";\nexport * from "./index.ts";\n`);
});

afterAll(async () => {
  await stage.close();
  await server[Symbol.asyncDispose]();
});

/** What the commands of these tests are told of it. */
async function configure(text: string): Promise<void> {
  await stage.write("taskpact.config.ts", text);
}

const call = ["call", "addition", "--a", "4", "--b", "6"];

test("a broker that the configuration registers serves workers and calls", async () => {
  await configure(`import "./shelf/open.ts";\nexport default { broker: "shelf://${server.path}?shelf=configured" };\n`);
  const worker = stage.start({ onTestFinished }, ["worker", "handlers/index.ts"]);
  await worker.until("listening");
  expect(await stage.run(call)).toEqual({ code: 0, stdout: "10\n", stderr: "" });
  worker.signal("SIGTERM");
  expect(await worker.ended).toBe(0);
});

test("so does one that is named by a flag, and registered by the handlers' module", async () => {
  await configure(`import "./shelf/open.ts";\nexport default {};\n`);
  const flags = ["--broker", `shelf://${server.path}?shelf=flagged`];
  await stage.write("other/taskpact.config.ts", "export default {};\n");
  const worker = stage.start({ onTestFinished }, ["worker", "handlers/shelved.ts", "--project", "other", ...flags]);
  await worker.until("listening");
  expect(await stage.run([...call, ...flags])).toMatchObject({ code: 0, stdout: "10\n" });
  worker.signal("SIGTERM");
  expect(await worker.ended).toBe(0);
});

test("what nobody has registered is a fault of usage, with what to do", async () => {
  await configure("export default {};\n");
  const flags = ["--broker", `shelf://${server.path}`];
  const reason = /"shelf:" is none of the brokers that are known: memory:, redis:.*registers it \(registerBroker\)/;
  for (const command of [call, ["worker", "handlers/index.ts"]]) {
    const { code, stderr } = await stage.run([...command, ...flags]);
    expect(stderr).toMatch(reason);
    expect(code).toBe(2);
  }
});

test("what a broker does not offer is told, and nothing is begun", async () => {
  await configure(`import "./shelf/open.ts";\nexport default { broker: "shelf://${server.path}" };\n`);
  const { code, stderr } = await stage.run(["parked", "ls"]);
  expect(stderr).toMatch(/\[unimplemented\] .*has nothing for those who look after queues/);
  expect(code).toBe(4);
});
