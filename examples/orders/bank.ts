/** Stands for a payment provider that is somewhere else, and deduplicates by a key, as providers do. */
import { setTimeout as pause } from "node:timers/promises";

interface Entry {
  readonly order: string;
  readonly customer: string;
  readonly cents: number;
}

const entries: Entry[] = [];
const charged = new Map<string, Entry>();
const limits = new Map([["poor-paul", 1_000]]);

/** Charges once a key. @returns whether the customer has the money */
export async function charge(key: string, entry: Entry, signal: AbortSignal): Promise<boolean> {
  await pause(120, undefined, { signal });
  if (charged.has(key)) return true;
  if (entry.cents > (limits.get(entry.customer) ?? Infinity)) return false;
  charged.set(key, entry);
  entries.push(entry);
  // The money is gone, and whoever charged does not hear of it.
  if (entry.customer === "unlucky-uma") throw new Error("the bank's connection was reset");
  return true;
}

/** Gives back what was charged with a key, once. */
export async function refund(key: string): Promise<void> {
  const entry = charged.get(key);
  if (entry === undefined || entries.some(({ order, cents }) => order === entry.order && cents < 0)) return;
  entries.push({ ...entry, cents: -entry.cents });
}

export const statement = (): readonly Entry[] => entries;
