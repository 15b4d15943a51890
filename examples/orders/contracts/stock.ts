import { task } from "taskpact";
import * as z from "zod";

const Lines = z.array(z.object({ sku: z.string(), quantity: z.int().positive() }));

/** Sets goods aside for an order, all or nothing, and says what they cost. For the same order again, nothing more is set aside. */
export const reserve = task({
  params: { order: z.string(), lines: Lines },
  result: z.object({ cents: z.int() }),
  errors: { outOfStock: z.object({ sku: z.string(), left: z.int() }) },
});

/** Puts back what was set aside for an order, if anything. */
export const release = task({ params: { order: z.string() }, result: z.void() });

/** What there is, by article. */
export const inventory = task({ params: {}, result: z.record(z.string(), z.int()) });
