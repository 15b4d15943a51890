import { expect } from "vitest";
import { contractHead, temporaryProject } from "../temporary-project.ts";
import { reported } from "./reported.ts";

const contract = `${contractHead}
const PORT = 8080;
const COLORS = ["red", "green", "blue"] as const;
function kind() { return "a"; }
const fields = { id: () => z.string().brand<"Id">() };
const numbers = Object.fromEntries(COLORS.map((c) => [c, z.number()])) as Record<string, z.ZodNumber>;
export const f = task({
  params: {
    a: z.literal(String(PORT)),
    b: z.enum([...new Set(["x", "y"])]),
    c: z.enum(COLORS.slice(0, 2)),
    d: z.literal(kind()),
    e: z.literal(~1),
    g: z.literal(+"5"),
    h: fields.id(),
  },
  result: z.literal("done"),
});
export const g = task({ params: numbers, result: z.void() });
`;

reported(
  "C1",
  "what is not known of a type is not printed, and the conformance check holds",
  (got) => {
    const project = temporaryProject({ "contracts/a.ts": contract });
    expect(project.gen().stderr).toBe("");
    const generated = project.read("generated/a.ts");
    const pointed = ["a", "b", "c", "d", "e", "g", "h"].filter((name) =>
      generated.includes(`${name}: ParamInput<typeof contract.f, "${name}">`),
    );
    const { stdout } = project.typeCheck();
    got(`${pointed.length} of 7 point at the contract; ${stdout === "" ? "proven" : stdout.slice(0, 200)}`);
    expect(pointed).toHaveLength(7);
    expect(generated).toContain(`=> Promise<"done">`);
    expect(generated).toContain("ParamsOutput<typeof contract.g>");
    expect(stdout).toBe("");
  },
  120_000,
);
