/*
 * Loaded before all else, with `?ms=` in its URL: from here on this process's Date is that far off. What counts durations
 * (performance.now, timers) is as it was, as with a machine whose clock was set wrong.
 */
const shiftMs = Number(new URL(import.meta.url).searchParams.get("ms"));
const Real = globalThis.Date;

globalThis.Date = class Date extends Real {
  constructor(...given) {
    if (given.length === 0) super(Real.now() + shiftMs);
    else super(...given);
  }

  static now() {
    return Real.now() + shiftMs;
  }
};
