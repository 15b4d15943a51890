import { expect } from "vitest";
import { reportedOnBrokers } from "./reported.ts";

const cut = "Ship it 🚀🚀".slice(0, 11);

reportedOnBrokers(
  "C3",
  "cut text is refused with its path; no two keys become one; a failure's message is told all the same",
  async ({ lab, got }) => {
    lab.acts["gives"] = () => ({ list: [{ name: cut }] });
    lab.acts["fails"] = () => {
      throw new Error(`no: ${cut}`);
    };
    lab.acts["declares"] = (context) => {
      throw context.errors["bottom"]?.({ marked: cut }) ?? new Error("it has none");
    };
    lab.acts["locks"] = (context) => context.lock(cut, () => "held");
    await lab.worker();
    const tasks = lab.client();
    const reason = async (answer: Promise<{ readonly ok: boolean; readonly error?: unknown }>): Promise<string> => {
      const { error } = (await answer) as { error?: { code: string; reason: string } };
      return `${error?.code}: ${error?.reason}`;
    };
    const param = await reason(tasks.safe.anything([0, { name: cut }]));
    const keys = await reason(tasks.safe.anything({ "\ud83d": 1, "\ude80": 2 }));
    const mapKeys = await reason(tasks.safe.anything(new Map([["\ud83d", 1]])));
    const result = await reason(tasks.safe.acting("gives"));
    const failure = await reason(tasks.safe.acting("fails"));
    const lock = await reason(tasks.safe.acting("locks"));
    got(`${param} | ${failure}`);
    expect(param).toMatch(/^invalid_argument: params\.value\[1\]\.name: a string with a lone surrogate/);
    expect(keys).toMatch(/^invalid_argument: params\.value\["\\ud83d"\]: a string with a lone/);
    expect(mapKeys).toMatch(/^invalid_argument: params\.value\[0\]: a string with a lone/);
    expect(result).toMatch(/^invalid_result: result: value\.list\[0\]\.name: a string with a lone/);
    expect(failure).toBe("failed: no: Ship it 🚀\ufffd");
    expect(lock).toMatch(/^failed: context\.lock\(\): a lock's name holds a lone surrogate/);
    expect(() => tasks.with({ metadata: { tenant: cut } })).toThrow(/"tenant" holds a lone surrogate/);
    expect(await tasks.anything("Ship it 🚀🚀 \ufffd")).toBe("Ship it 🚀🚀 \ufffd");
  },
);
