import type { Hook } from "taskpact";

/** How often calls ended how, by task: what a metrics library would be told. */
export const ends = new Map<string, number>();

export const counting: Hook = {
  name: "counting",
  async reply({ task }, next) {
    const end = await next();
    const key = `${task} ${end.ok ? "ok" : end.error.name}`;
    ends.set(key, (ends.get(key) ?? 0) + 1);
  },
};

/** Tells how long each attempt took. */
export const timing: Hook = {
  name: "timing",
  async attempt({ context }, next) {
    const began = performance.now();
    const end = await next();
    const tookMs = Math.round(performance.now() - began);
    context.log.info({ tookMs, outcome: end.ok ? "ok" : end.error.code }, "an attempt has ended");
  },
};
