import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { commandsAtOnce, CommandStage } from "../tests/command-stage.ts";

// Each start of a command takes a processor for a while: they go side by side.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: commandsAtOnce });

let stage: CommandStage;

beforeAll(async () => {
  stage = await CommandStage.open();
});

afterAll(() => stage.close());

describe("taskpact call, where something is amiss", () => {
  test.concurrent.for([
    [["divison", "1", "2"], 'there is no task "divison" in generated/; did you mean division?'],
    [
      ["division", "1"],
      "math.division needs --divisor <number>\n  it is called so: taskpact call math.division --dividend <number> --divisor <number>",
    ],
    [
      ["division", "--dividend", "1", "--divisr", "2"],
      "math.division has no parameter --divisr; did you mean --divisor?",
    ],
    [["division", "1", "two"], '--divisor takes a number; got "two"'],
    [["division", "1", "2", "3"], 'math.division has no parameter left for "3"'],
    [["division", "--dividend"], "--dividend wants a value"],
    [["place", "--order", "{x"], '--order takes JSON; got "{x"'],
    [["quote", "[]", "EURO"], "--currency takes one of EUR, GBP, USD"],
    [["addition", "{a:1}"], "the parameters are no JSON"],
    [["addition", '{"c":1}'], "math.addition has no parameter c"],
    [["asynchronous", "70000"], "[invalid_argument] timing.asynchronous: params.lagMs"],
    [["division", "-dividend", "1"], "math.division has no parameter -dividend; did you mean --dividend?"],
    [["addition", "--timeout", "soon"], "It is a time"],
    [[], "missing required argument 'task'"],
  ] as const)("%j ends with code 2, and says: %s", async ([args, reason], { expect }) => {
    const { code, stdout, stderr } = await stage.run(["call", ...args], {
      env: { TASKPACT_BROKER: "redis://127.0.0.1:1", TASKPACT_PROJECT: stage.builtProject },
    });
    expect(stderr).toContain(reason);
    expect([code, stdout]).toEqual([2, ""]);
  });

  test.concurrent("a broker that is away ends it with code 4", async ({ expect }) => {
    const { code, stderr } = await stage.run([
      "call",
      "addition",
      "--timeout",
      "300ms",
      "--broker",
      "redis://127.0.0.1:1",
    ]);
    expect([code, stderr]).toEqual([
      4,
      expect.stringContaining("[unavailable] math.addition: no broker could be reached"),
    ]);
  });

  test.concurrent("what is wrong with a command line is JSON, too, if that is asked for", async ({ expect }) => {
    const said = async (...args: readonly string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await stage.run([...args, "--json"]);
      expect([code, stdout]).toEqual([2, ""]);
      return (JSON.parse(stderr) as { readonly error: unknown }).error;
    };
    const remedy = "--help tells how it is used";
    expect(await said("call")).toEqual({ code: "usage", message: "missing required argument 'task'", remedy });
    expect(await said("status", "addition")).toMatchObject({ message: "missing required argument 'id'" });
    expect(await said("purge", "math", "--state", "ready")).toMatchObject({
      message: expect.stringContaining("Allowed choices are queued") as string,
    });
  });

  test.concurrent("no level of the log is passed over that does not exist", async ({ expect }) => {
    const { code, stderr } = await stage.run(["workers", "--broker", "redis://127.0.0.1:1"], {
      env: { TASKPACT_LOG: "loud" },
    });
    expect([code, stderr]).toEqual([2, expect.stringContaining("TASKPACT_LOG is one of debug, info")]);
  });

  test.concurrent("no broker at all is told with what to do", async ({ expect }) => {
    const { code, stderr } = await stage.run(["call", "addition"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("no broker is named\n  --broker redis://")]);
  });

  test.concurrent("so is a project in which nothing was generated", async ({ expect }) => {
    await stage.write("empty/package.json", "{}");
    const { code, stderr } = await stage.run(["ls"], { cwd: `${stage.root}/empty` });
    expect([code, stderr]).toEqual([2, expect.stringContaining("there is no generated/index.ts in")]);
  });
});

describe("taskpact call --help", () => {
  test.concurrent("tells the parameters of a task that is named", async ({ expect }) => {
    const env = { TASKPACT_PROJECT: stage.builtProject };
    const { code, stdout } = await stage.run(["call", "addition", "--help"], { env });
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(
        /^Usage: taskpact call .*--timeout.*\nParameters of math.addition:\n {2}--a <number> {2}\(default: 0\)\n/s,
      ),
    ]);
    const submit = await stage.run(["submit", "place", "-h"], { env });
    expect(submit.stdout).toContain("Parameters of orders.place:\n  --order <json>\n");
    const unknown = await stage.run(["call", "addtion", "--help"], { env });
    expect(unknown).toMatchObject({ code: 2, stdout: expect.stringContaining("Usage: ") as string });
    expect(unknown.stderr).toContain("did you mean addition?");
    expect(await stage.run(["call", "--help"])).toMatchObject({ code: 0, stderr: "" });
  });
});
