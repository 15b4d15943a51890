import {
  type AllOptions,
  type Call,
  nameArguments,
  originOf,
  refuseCallOptions,
  refuseSubmitOptions,
  type Settled,
  withinParent,
} from "./call.ts";
import { type Declaration, inQueue } from "./declaration.ts";
import { TaskError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import { callWithin, submitWithin } from "./hooked-calls.ts";
import type { Hooks } from "./hooks.ts";
import { newId } from "./id.ts";
import { type Lineage, lineageOf } from "./lineage.ts";
import type { Logger } from "./log.ts";
import { forsaken, isAutomatic, isForsaken } from "./node-queue.ts";
import { type Places, run } from "./policy.ts";
import { ProgressListener } from "./progress.ts";
import { performance } from "./real-time.ts";
import type { Answer } from "./answer.ts";
import { lending, lendingHandle } from "./waiting.ts";

/** A way to call a task. */
export type Way<Reply> = (declaration: Declaration, args: readonly unknown[], options: AllOptions) => Promise<Reply>;

/** What a face needs of its client: the ways to make a call. */
export interface Caller {
  readonly call: Way<unknown>;
  readonly safe: Way<Answer<unknown>>;
  readonly submit: Way<Handle>;
}

/**
 * Makes calls in the places of a client. `log` takes what goes wrong in callers' listeners, `open` makes a handle, and `closed`
 * says whether calls are refused by now.
 */
export function callerOf(
  places: Places,
  log: Logger,
  open: (declaration: Declaration, id: string, unique: boolean) => Handle,
  closed: () => boolean,
  hooks?: Hooks,
): Caller {
  /** Names, checks and counts a call; everything that is wrong with it is told here, before it goes anywhere. */
  const prepare = (
    declared: Declaration,
    args: readonly unknown[],
    options: AllOptions,
    parent: Lineage | undefined,
    awaited: boolean,
  ): Call => {
    if (closed()) throw new TaskError("unavailable", "the client is closed");
    const declaration = inQueue(declared, options.queue);
    if (declaration.atMostOnce && (options.retry?.attempts ?? 1) > 1)
      throw new TaskError("invalid_argument", "it is delivered at most once, so that it can't have a retry");
    const bounded = withinParent(options, awaited ? "timeoutMs" : "acceptTimeoutMs", declaration.timeoutMs);
    const { id = newId(), onProgress } = bounded;
    const listener = onProgress && new ProgressListener(onProgress, log, { task: declaration.name, callId: id });
    return {
      declaration,
      params: nameArguments(declaration, args),
      options: bounded,
      id,
      origin: originOf(parent, options),
      nested: awaited && parent !== undefined,
      listener,
    };
  };
  const make = (call: Call): Settled | Promise<Settled> =>
    hooks === undefined ? run(places, call) : callWithin(hooks, call, (within) => run(places, within));
  const settle = (
    declaration: Declaration,
    args: readonly unknown[],
    options: AllOptions,
  ): Settled | Promise<Settled> => {
    try {
      refuseSubmitOptions(options);
      const parent = parentOf(options);
      const call = prepare(declaration, args, options, parent, true);
      return parent === undefined ? make(call) : lending(parent, "nested", () => make(call));
    } catch (refused) {
      return { ok: false, started: false, error: TaskError.from(refused, "internal", { task: declaration.name }) };
    }
  };
  return {
    call(declaration, args, options) {
      const settled = settle(declaration, args, options);
      if (settled instanceof Promise) return settled.then(valueOf);
      return settled.ok ? Promise.resolve(settled.value) : Promise.reject(settled.error);
    },
    async safe(declaration, args, options) {
      return answerOf(await settle(declaration, args, options));
    },
    async submit(declaration, args, options) {
      try {
        refuseCallOptions(options);
        const parent = parentOf(options);
        const call = prepare(declaration, args, options, parent, false);
        if (options.queue === undefined && (options.policy ?? declaration.task.policy) === "local-only") {
          throw new TaskError("invalid_argument", "a local-only call can't be submitted: it has no queue");
        }
        const timeoutMs = call.options.acceptTimeoutMs ?? declaration.timeoutMs;
        if (options.queue !== undefined) await refuseForsaken(places, call.declaration);
        const send = (within: Call): Promise<void> => places.remote.submit(within, timeoutMs);
        const submitted = hooks === undefined ? send(call) : submitWithin(hooks, call, send);
        const handle = open(call.declaration, call.id, options.id === undefined);
        if (options.cancelWithParent === true) parent?.onFailure(() => void cancelWhenSent(places, call, submitted));
        await submitted;
        return parent === undefined ? handle : lendingHandle(handle, parent, options.parent!.signal);
      } catch (refused) {
        throw TaskError.from(refused, "internal", { task: declaration.name });
      }
    },
  };
}

/** The value of a call that has ended well. @throws the error of one that has not. */
export function valueOf(settled: Settled): unknown {
  if (settled.ok) return settled.value;
  throw settled.error;
}

/** How a call ended, as data. */
export function answerOf(settled: Settled): Answer<unknown> {
  if (settled.ok) return { ok: true, value: settled.value };
  return { ok: false, error: settled.error as TaskError };
}

/** @throws TaskError `unavailable` for a queue that nobody will ever listen to. A broker that is away says so itself. */
async function refuseForsaken({ presence, remote }: Places, declaration: Declaration): Promise<void> {
  const { queue } = declaration;
  if (!isAutomatic(queue)) return;
  if ((await presence.look(declaration, performance.now()).catch(() => "served")) !== "nobody") return;
  if (await isForsaken(remote.broker, queue).catch(() => false)) throw new TaskError("unavailable", forsaken(queue));
}

function parentOf({ parent }: AllOptions): Lineage | undefined {
  return parent === undefined ? undefined : lineageOf(parent);
}

/** Ends a submitted call with its parent; also one of which it is not known whether the broker has it. */
async function cancelWhenSent({ remote }: Places, { declaration, id }: Call, submitted: Promise<void>): Promise<void> {
  let stored = true;
  try {
    await submitted;
  } catch (thrown) {
    if (TaskError.from(thrown, "internal").code !== "outcome_unknown") return;
    stored = false;
  }
  remote.cancellations.cancel({ queue: declaration.queue, id, stored });
}
