import { AttemptFacts, type AttemptKnown } from "./attempt-facts.ts";
import type { PooledAttempt } from "./cpu/pooled-attempt.ts";
import type { Declaration } from "./declaration.ts";
import type { Hooks } from "./hooks.ts";
import { traceOf } from "./trace.ts";

/** Has an attempt run in a pool within its hooks, which run here. */
export function pooledWithin(
  hooks: Hooks | undefined,
  declaration: Declaration,
  known: AttemptKnown,
  params: unknown,
  run: () => PooledAttempt,
): PooledAttempt {
  if (hooks === undefined) return run();
  const { callId, attempt, origin } = known;
  const context = new AttemptFacts(declaration, known);
  const { name: task, queue } = declaration;
  const event = { task, queue, callId, attempt, params, context, trace: traceOf(origin?.trace) };
  return hooks.around("attempt", event, run, ({ outcome }) =>
    // Its result stays packed: to unpack it could hold up the event loop that the pool is to spare.
    outcome.then((ended) => (ended.ok ? { ok: true, value: undefined } : { ok: false, error: ended.error })),
  );
}
