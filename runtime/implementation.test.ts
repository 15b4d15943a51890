import * as z from "zod";
import { describe, expect, it } from "vitest";
import { task } from "./contract.ts";
import { boundTasks, implement } from "./implementation.ts";
import { implementerOf } from "./implementer.ts";

const contract = {
  name: "shop",
  tasks: { sell: task({ params: {}, result: z.void() }), buy: task({ params: {}, result: z.void(), queue: "slow" }) },
};
const nothing = () => undefined;

describe("implement", () => {
  it("binds each task to its handler, with the queue that it waits in", () => {
    const { tasks } = implement(contract, { sell: nothing, buy: nothing });
    expect(tasks.map(({ declaration }) => [declaration.name, declaration.queue])).toEqual([
      ["shop.sell", "shop"],
      ["shop.buy", "slow"],
    ]);
  });

  it("names all that is missing, unknown or no function", () => {
    expect(() => implement(contract, { sell: 3, rent: nothing })).toThrow(
      /the handlers of contract "shop": the handler of sell is no function; buy has no handler; there is no task rent; its handler can be deleted/,
    );
  });

  it("names few tasks of a contract of many", () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`t${at}`, contract.tasks.sell]));
    const large = { name: "large", tasks: many };
    const { partial } = implementerOf(large, { shape: "flat", contracts: [large] });
    expect(() => partial({ t30: nothing })).toThrow(/there is no task t30; its tasks are t0, .+, t19, and 10 more$/);
  });

  it("lets handlers use each other through this", () => {
    const handlers = {
      sell(): string {
        return this.buy();
      },
      buy: () => "bought",
    };
    expect(implement(contract, handlers).tasks[0]?.handler(undefined, undefined)).toBe("bought");
  });

  it("refuses two implementations of one task", () => {
    const one = implement(contract, { sell: nothing, buy: nothing });
    expect(() => boundTasks([one, one])).toThrow(/shop\.sell is implemented twice/);
    for (const wrong of [one, undefined, ["x"]]) {
      expect(() => boundTasks(wrong as never)).toThrow(/implementations must be a list of what implement…\(\) made/);
    }
  });
});
