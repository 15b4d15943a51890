import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** What a program prints, in which loading the cron parser throws. */
async function withoutParser(code: string): Promise<string> {
  const hook = `export const resolve = (specifier, context, next) => {
    if (specifier === "croner") throw new Error("the parser was loaded");
    return next(specifier, context);
  };`;
  const register = `import { register } from "node:module"; register("data:text/javascript,${encodeURIComponent(hook)}");`;
  const preload = `data:text/javascript,${encodeURIComponent(register)}`;
  const contract = new URL("contract.ts", import.meta.url).href;
  const program = `import { contractOf, createClient, implement } from "taskpact/codegen"; import { createWorker } from "taskpact";
    const contract = contractOf("ticks", await import("${contract}"), ["yearly"]);
    ${code}`;
  const args = ["--import", "tsx", "--import", preload, "-C", "taskpact-source", "--input-type=module", "-e", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: new URL("../..", import.meta.url).pathname,
  });
  return stdout.trim();
}

test("a client of scheduled tasks loads no cron parser", { timeout: 20_000 }, async () => {
  const client = `const tasks = createClient({ shape: "flat", contracts: [contract] }, { broker: "memory:" });
    const [{ schedule }] = await tasks.client.schedules.list();
    console.log(schedule.cron);
    await tasks.client.close();`;
  expect(await withoutParser(client)).toBe("0 0 1 1 *");
  const worker = `await createWorker({ broker: "memory:", implementations: [implement(contract, { yearly() {} })] })
    .run().catch(({ message }) => console.log(message));`;
  expect(await withoutParser(worker)).toContain("the parser was loaded");
});
