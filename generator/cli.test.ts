import { describe, expect, it, vi } from "vitest";
import { contractHead, temporaryProject } from "../tests/temporary-project.ts";

// Processes of their own, on machines that have other things to do.
vi.setConfig({ testTimeout: 30_000 });

const addition = `/** Adds. */
export const addition = task({
  params: { a: z.number(), b: z.number() },
  result: z.number(),
});
`;
const math = `${contractHead}\n${addition}`;
const wasWatching = "watching, after";

describe("gen", () => {
  it("writes, says what has changed, and then that nothing has", () => {
    const project = temporaryProject({ "contracts/math.ts": math });
    expect(project.gen().stdout).toBe(
      "wrote generated/math.ts, generated/conformance.ts, generated/index.ts, generated/task-docs.ts (1 task of 1 contract)\nadded math.addition\n",
    );
    expect(project.gen().stdout).toBe("nothing to do: 1 task of 1 contract, all in step\n");
    project.write("contracts/math.ts", math.replaceAll("a: z.number()", "a: z.string()"));
    expect(project.gen().stdout).toBe("wrote generated/math.ts (1 task of 1 contract)\nchanged math.addition\n");
  });

  it("tells all mistakes with file, line, column and remedy, and writes nothing", () => {
    const project = temporaryProject({
      "contracts/a.ts": `${contractHead}\nexport const x = task({ params: z.object({}) as never, result: z.string() });\n`,
      "contracts/b.ts": `${contractHead}\nfunction fail(): never {\n  throw new Error("no database");\n}\nfail();\n`,
    });
    const { status, stdout, stderr } = project.gen();
    expect(stderr).toBe(`\
contracts/a.ts:4:18 - error: task(): params takes the bare shape: write { a: z.number() }, not z.object({ a: z.number() })
  mend the declaration, and generate again
contracts/b.ts:5:9 - error: contracts/b.ts can't be imported: no database
  a contract is imported to be read: it declares tasks, and needs nothing to be running for that
2 errors
`);
    expect([status, stdout, project.has("generated")]).toEqual([1, "", false]);
  });
});

describe("gen never", () => {
  it("writes over a file that somebody wrote by hand", () => {
    const project = temporaryProject({
      "contracts/math.ts": math,
      "generated/math.ts": "export const precious = 1;\n",
    });
    const { status, stderr } = project.gen();
    expect(stderr).toContain(
      "generated/math.ts:1:1 - error: generated/math.ts was not generated, and would be written over",
    );
    expect([status, project.read("generated/math.ts")]).toEqual([1, "export const precious = 1;\n"]);
  });

  it("takes a contract that ends the process for a success", () => {
    const project = temporaryProject({ "contracts/math.ts": `${math}process.exit(0);\n` });
    const { status, stderr } = project.gen("--check");
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining("a contract ended the process while it was imported"),
    ]);
  });
});

describe("gen --check", () => {
  it("says in a line that all is in step", () => {
    const project = temporaryProject({ "contracts/math.ts": math });
    project.gen();
    const { status, stdout, stderr } = project.gen("--check");
    expect([status, stdout, stderr]).toEqual([0, "in step: 1 task of 1 contract\n", ""]);
  });

  it("shows what differs, where in the contract that comes from, and what mends it; and writes nothing", () => {
    const project = temporaryProject({ "contracts/math.ts": math });
    project.gen();
    const before = project.read("generated/math.ts");
    project.write("contracts/math.ts", math.replace("a: z.number()", "a: z.string()"));
    const { status, stdout, stderr } = project.gen("--check");
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(`\
--- generated/math.ts, as it is
+++ generated/math.ts, as \`npm run gen\` writes it
@@ -20 +20 @@
 export interface MathSignatures {
   /** Adds. */
-  addition: Signature<(a: number, b: number) => Promise<number>, { a: number; b: number }>;
+  addition: Signature<(a: string, b: number) => Promise<number>, { a: string; b: number }>;
 }
 

contracts/math.ts:5:14 - math.addition was changed

out of step with the contracts: generated/math.ts
  run: npm run gen
`);
    expect(project.read("generated/math.ts")).toBe(before);
  });

  it("counts missing files, those of contracts that are gone, and those that it never wrote", () => {
    const project = temporaryProject({ "contracts/math.ts": math, "contracts/b.ts": math.replace("addition", "b") });
    project.gen();
    project.remove("contracts/b.ts");
    project.remove("generated/conformance.ts");
    project.write("generated/mine.js", "");
    const { status, stderr } = project.gen("--check");
    expect(status).toBe(1);
    expect(stderr).toContain("generated/conformance.ts is missing");
    expect(stderr).toContain("generated/b.ts is of a contract that is no more");
    expect(stderr).toContain("not generated, and in the folder that is: generated/mine.js");
  });

  it("takes files that Git checked out with CRLF for what they are", () => {
    const project = temporaryProject({ "contracts/math.ts": math });
    project.gen();
    project.write("generated/math.ts", project.read("generated/math.ts").replaceAll("\n", "\r\n"));
    expect(project.gen("--check").status).toBe(0);
  });

  it("goes with nothing that writes", () => {
    expect(temporaryProject({ "contracts/math.ts": math }).gen("--check", "--scaffold", "handlers").status).toBe(1);
  });
});

describe("gen --scaffold", () => {
  it("writes handlers that compile, and the next time only those that are missing", () => {
    const project = temporaryProject({ "contracts/math.ts": math });
    expect(project.gen("--scaffold", "handlers").stdout).toContain("wrote handlers/math.ts");
    expect(project.read("handlers/math.ts")).toBe(`\
import { TaskError } from "taskpact";
import { implementMath } from "../generated/index.ts";

/** The handlers of contracts/math.ts. */
export const math = implementMath({
  addition: () => {
    throw new TaskError("unimplemented", "no handler yet", { task: "math.addition" });
  },
});
`);
    expect(project.gen("--scaffold", "handlers").stdout).toContain("no handler is missing in handlers/");
    project.write("contracts/math.ts", `${math}${addition.replace("addition", "sum")}`);
    expect(project.gen("--scaffold", "handlers").stdout).toContain("added to handlers/math.ts: sum");
    expect(project.typeCheck().stdout).toBe("");
  });
});

describe("gen --watch", () => {
  it(
    "follows contracts and what they import, through mistakes, until it is interrupted",
    { timeout: 30_000 },
    async () => {
      const project = temporaryProject({ "contracts/math.ts": math });
      const gen = project.startGen("--watch");
      expect(await gen.until(wasWatching)).toContain("added math.addition");

      project.write("contracts/math.ts", math.replace("a: z.number()", "a: z.string()"));
      expect(await gen.until(wasWatching)).toContain("changed math.addition");
      expect(project.read("generated/math.ts")).toContain("(a: string, b: number)");

      project.write("contracts/math.ts", `${math}export const = 1;\n`);
      expect(await gen.until(wasWatching)).toContain("contracts/math.ts:9:14 - error: a syntax error");

      project.write("contracts/math.ts", `${math}throw new Error("not now");\n`);
      expect(await gen.until(wasWatching)).toContain(
        "contracts/math.ts:9:7 - error: contracts/math.ts can't be imported: not now",
      );

      project.write("contracts/math.ts", math);
      expect(await gen.until(wasWatching)).toContain("changed math.addition");

      project.write("shared/lag.ts", `import * as z from "zod";\nexport const lag = z.number();\n`);
      project.write(
        "contracts/timing.ts",
        `${contractHead}import { lag } from "../shared/lag.ts";\nexport const wait = task({ params: { lag }, result: z.void() });\n`,
      );
      expect(await gen.until(wasWatching)).toContain("added timing.wait");

      project.write("shared/lag.ts", `import * as z from "zod";\nexport const lag = z.bigint();\n`);
      expect(await gen.until(wasWatching)).toContain("changed timing.wait");
      expect(project.read("generated/timing.ts")).toContain("(lag: bigint)");

      project.remove("contracts/timing.ts");
      expect(await gen.until(wasWatching)).toContain("deleted generated/timing.ts");

      project.write("taskpact.config.ts", `export default { client: "byContract" };\n`);
      expect(await gen.until(wasWatching)).toContain("wrote generated/index.ts");

      project.remove("contracts");
      expect(await gen.until(wasWatching)).toContain("there is no folder contracts/");
      project.write("contracts/math.ts", math);
      expect(await gen.until("all in step")).not.toBe("");

      expect(await gen.end("SIGINT")).toBe(0);
    },
  );

  it("ends cleanly when it is told to", async () => {
    const gen = temporaryProject({ "contracts/math.ts": math }).startGen("--watch");
    await gen.until(wasWatching);
    expect(await gen.end("SIGTERM")).toBe(0);
  });
});
