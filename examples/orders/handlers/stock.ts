import { implementStock } from "../generated/index.ts";

/** A real shop asks its database. */
const shelves = new Map([
  ["book", { cents: 1_250, left: 20 }],
  ["mug", { cents: 800, left: 6 }],
  ["lamp", { cents: 4_990, left: 3 }],
]);

/** What is set aside, by order. */
const reserved = new Map<string, readonly { readonly sku: string; readonly quantity: number }[]>();

const shelf = (sku: string) => shelves.get(sku) ?? { cents: 0, left: 0 };

export const stock = implementStock({
  reserve({ order, lines }, { errors }) {
    if (!reserved.has(order)) {
      const short = lines.find(({ sku, quantity }) => shelf(sku).left < quantity);
      if (short !== undefined) throw errors.outOfStock({ sku: short.sku, left: shelf(short.sku).left });
      for (const { sku, quantity } of lines) shelf(sku).left -= quantity;
      reserved.set(order, lines);
    }
    return { cents: lines.reduce((sum, { sku, quantity }) => sum + shelf(sku).cents * quantity, 0) };
  },

  release({ order }) {
    for (const { sku, quantity } of reserved.get(order) ?? []) shelf(sku).left += quantity;
    reserved.delete(order);
  },

  inventory: () => Object.fromEntries([...shelves].map(([sku, { left }]) => [sku, left])),
});
