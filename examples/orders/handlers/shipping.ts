import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { implementShipping } from "../generated/index.ts";

const countries = new Set(["DE", "FR", "NL", "US"]);

export const shipping = implementShipping({
  async ship({ order, country }, { errors, signal }) {
    // The carrier is somewhere else, too.
    await pause(120, undefined, { signal });
    if (!countries.has(country)) throw errors.notDeliverable({ country });
    return `P-${createHash("sha256").update(order).digest("hex").slice(0, 8)}`;
  },
});
