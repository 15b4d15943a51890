import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `"1500"`, `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"1d"` → ms. */
export function durationOf(text: string): number {
  const [, amount, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('It is a time, like "500ms", "30s", "5m" or "2h".');
  return Number(amount) * units[unit]!;
}

/** A whole number, at least 1. */
export function countOf(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It is a whole number, at least 1.");
  return Number(text);
}

/** A date, or a date and a time. */
export function momentOf(text: string): Date {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) throw new InvalidArgumentError('It is a date, like "2026-03-29T01:00:00Z".');
  return moment;
}
