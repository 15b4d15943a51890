import { about, type Call, type Settled } from "./call.ts";
import { TaskError } from "./errors.ts";
import type { HookEnd, ReplyEvent, SubmitEvent } from "./hook.ts";
import type { Hooks } from "./hooks.ts";

/** Makes an awaited call within its hooks: those of its reply around all of it, those of its submit until it is taken. */
export function callWithin(
  hooks: Hooks,
  call: Call,
  make: (call: Call) => Settled | Promise<Settled>,
): Settled | Promise<Settled> {
  const submit = (): Settled | Promise<Settled> => {
    let take!: (end: HookEnd) => void;
    const taken = new Promise<HookEnd>((resolve) => (take = resolve));
    const ended = (settled: Settled): void => take(settled.ok || settled.started ? ok : endOf(settled));
    const send = (): Settled | Promise<Settled> => {
      const settled = make({ ...call, taken: () => take(ok) });
      if (settled instanceof Promise) void settled.then(ended);
      else ended(settled);
      return settled;
    };
    return hooks.around("submit", submitEvent(call, true), send, () => taken);
  };
  return hooks.around("reply", replyEvent(call), submit, (settled) =>
    settled instanceof Promise ? settled.then(endOf) : endOf(settled),
  );
}

/** Submits a call within its hooks. */
export function submitWithin(hooks: Hooks, call: Call, send: () => Promise<void>): Promise<void> {
  return hooks.around("submit", submitEvent(call, false), send, (sent) =>
    sent.then(
      () => ok,
      (thrown: unknown) => failed(call, thrown),
    ),
  );
}

/** Waits for the answer to a call that was made before, within the hooks of its reply. */
export function waitWithin(hooks: Hooks, call: Named, wait: () => Promise<Settled>): Promise<Settled> {
  return hooks.around("reply", replyEvent(call), wait, (waiting) =>
    waiting.then(endOf, (thrown: unknown) => failed(call, thrown)),
  );
}

const ok: HookEnd = { ok: true, value: undefined };

/** What a call is known by. */
type Named = Pick<Call, "declaration" | "id">;

function endOf(settled: Settled): HookEnd {
  return settled.ok ? { ok: true, value: settled.value } : { ok: false, error: settled.error };
}

function failed(call: Named, thrown: unknown): HookEnd {
  return { ok: false, error: TaskError.from(thrown, "internal", about(call)) };
}

function replyEvent({ declaration, id }: Named): ReplyEvent {
  return { task: declaration.name, callId: id };
}

function submitEvent({ declaration, id, params, options }: Call, awaited: boolean): SubmitEvent {
  return { task: declaration.name, callId: id, params, options, awaited };
}
