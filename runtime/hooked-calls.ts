import { about, type Call, policyOf, type Settled } from "./call.ts";
import { checkNames, shown } from "./checks.ts";
import type { Origin } from "./envelope.ts";
import { TaskError } from "./errors.ts";
import type { HandedOn, HookEnd, Place, ReplyEvent, SubmitEvent } from "./hook.ts";
import type { Hooks } from "./hooks.ts";
import { checkTexts, mergedMetadata, noMetadata } from "./metadata.ts";
import { checkedTrace, traceOf } from "./trace.ts";

/** Makes an awaited call within its hooks: those of its reply around all of it, those of its submit until it is taken. */
export function callWithin(
  hooks: Hooks,
  call: Call,
  make: (call: Call) => Settled | Promise<Settled>,
): Settled | Promise<Settled> {
  const submit = (): Settled | Promise<Settled> => {
    let take!: (end: HookEnd) => void;
    const taken = new Promise<HookEnd>((resolve) => (take = resolve));
    const ended = (settled: Settled): void => take(settled.ok || settled.started ? takenBy.remote : endOf(settled));
    const first = submitEvent(call, true);
    const send = (event: SubmitEvent): Settled | Promise<Settled> => {
      const settled = make({ ...call, origin: originWith(call, first, event), taken: (place) => take(takenBy[place]) });
      if (settled instanceof Promise) void settled.then(ended);
      else ended(settled);
      return settled;
    };
    return hooks.around("submit", first, send, () => taken, handOn);
  };
  return hooks.around("reply", replyEvent(call, true), submit, (settled) =>
    settled instanceof Promise ? settled.then(endOf) : endOf(settled),
  );
}

/** Submits a call within its hooks. */
export function submitWithin(hooks: Hooks, call: Call, send: (call: Call) => Promise<void>): Promise<void> {
  const endOfSent = (sent: Promise<void>): Promise<HookEnd> =>
    sent.then(
      () => takenBy.remote,
      (thrown: unknown) => failed(call, thrown),
    );
  const first = submitEvent(call, false);
  const act = (event: SubmitEvent): Promise<void> => send({ ...call, origin: originWith(call, first, event) });
  return hooks.around("submit", first, act, endOfSent, handOn);
}

/** Waits for the answer to a call that was made before, within the hooks of its reply. */
export function waitWithin(hooks: Hooks, call: Named, wait: () => Promise<Settled>): Promise<Settled> {
  return hooks.around("reply", replyEvent(call, false), wait, (waiting) =>
    waiting.then(endOf, (thrown: unknown) => failed(call, thrown)),
  );
}

const takenBy: Readonly<Record<Place, HookEnd<Place>>> = {
  local: { ok: true, value: "local" },
  remote: { ok: true, value: "remote" },
};

/** What a call is known by. */
type Named = Pick<Call, "declaration" | "id">;

function endOf(settled: Settled): HookEnd {
  return settled.ok ? { ok: true, value: settled.value } : { ok: false, error: settled.error };
}

function failed(call: Named, thrown: unknown): HookEnd {
  return { ok: false, error: TaskError.from(thrown, "internal", about(call)) };
}

function replyEvent({ declaration, id }: Named, awaited: boolean): ReplyEvent {
  return { task: declaration.name, queue: declaration.queue, callId: id, awaited };
}

function submitEvent(call: Call, awaited: boolean): SubmitEvent {
  const { declaration, id, params, options, origin } = call;
  return {
    task: declaration.name,
    queue: declaration.queue,
    callId: id,
    params,
    options,
    policy: awaited ? policyOf(call) : "remote-only",
    awaited,
    parentId: origin?.parent,
    rootId: origin?.root ?? origin?.parent ?? id,
    metadata: origin?.metadata ?? noMetadata,
    trace: traceOf(origin?.trace),
  };
}

/** What those within are told, with what a hook gave. @throws TaskError `invalid_argument` for what can't be carried. */
function handOn(event: SubmitEvent, more: unknown): SubmitEvent {
  if (typeof more !== "object" || more === null) return refuse(`it must be { metadata, trace }; got ${shown(more)}`);
  checkNames(more, ["metadata", "trace"], refuse);
  const { metadata, trace } = more as HandedOn;
  checkTexts("metadata", metadata, refuse);
  return {
    ...event,
    metadata: mergedMetadata(event.metadata, metadata, refuse) ?? noMetadata,
    trace: trace === undefined ? event.trace : checkedTrace(trace, refuse),
  };
}

/** Where a call comes from, with what its hooks gave it. */
function originWith({ origin }: Call, first: SubmitEvent, event: SubmitEvent): Origin | undefined {
  if (event === first) return origin;
  const metadata = event.metadata === noMetadata ? undefined : event.metadata;
  return { ...origin, metadata, trace: event.trace };
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
