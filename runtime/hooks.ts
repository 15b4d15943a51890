import { shown } from "./checks.ts";
import { TaskError } from "./errors.ts";
import type { Hook, HookEnd } from "./hook.ts";
import type { Logger } from "./log.ts";
import { loggable } from "./thrown.ts";

const kinds = ["submit", "attempt", "reply"] as const;
type Kind = (typeof kinds)[number];
type EventOf<K extends Kind> = Parameters<NonNullable<Hook[K]>>[0];

/** A hook as far as it is of one kind. */
interface Link {
  readonly name: string | number;
  call(event: object, next: (more?: unknown) => Promise<HookEnd>): unknown;
  /** Whether it is known by now to be late with `next`. */
  isLate: boolean;
}

/** The hooks of a client or a worker. */
export class Hooks {
  readonly #log: Logger;
  readonly #links: Readonly<Record<Kind, readonly Link[]>>;

  private constructor(hooks: readonly Hook[], log: Logger) {
    this.#log = log;
    const linksOf = (kind: Kind): readonly Link[] =>
      hooks.flatMap((hook, index) => {
        if (hook[kind] === undefined) return [];
        const call: Link["call"] = (event, next) => hook[kind]!(event as never, next as never);
        return [{ name: hook.name ?? index, call, isLate: false }];
      });
    this.#links = { submit: linksOf("submit"), attempt: linksOf("attempt"), reply: linksOf("reply") };
  }

  /** Undefined where there are none, so that calls without hooks pay for none. */
  static of(hooks: readonly Hook[] | undefined, log: Logger): Hooks | undefined {
    return hooks === undefined || hooks.length === 0 ? undefined : new Hooks(hooks, log);
  }

  /**
   * Does something within the hooks of one kind: once, and at once, whatever the hooks do.
   *
   * @param act - gets the event as the innermost hook leaves it.
   * @param endOf - how it ended, of what `act` gave.
   * @param handOn - the event for those within, with what a hook gave `next`. What it throws is logged.
   * @returns what `act` gave.
   */
  around<K extends Kind, R>(
    kind: K,
    event: EventOf<K>,
    act: (event: EventOf<K>) => R,
    endOf: (result: R) => HookEnd | Promise<HookEnd>,
    handOn?: (event: EventOf<K>, more: unknown) => EventOf<K>,
  ): R {
    const links = this.#links[kind];
    if (links.length === 0) return act(event);
    let result: R;
    let fault: { readonly thrown: unknown } | undefined;
    let end!: (end: HookEnd | Promise<HookEnd>) => void;
    const ended = new Promise<HookEnd>((resolve) => (end = resolve));
    const enter = (at: number, event: EventOf<K>): void => {
      const link = links[at];
      if (link === undefined) {
        try {
          result = act(event);
          end(endOf(result));
        } catch (thrown) {
          fault = { thrown };
          end({ ok: false, error: TaskError.from(thrown, "internal") });
        }
        return;
      }
      let isEntered = false;
      const next = (more?: unknown): Promise<HookEnd> => {
        if (isEntered) return ended;
        isEntered = true;
        let handed = event;
        try {
          if (more !== undefined && handOn !== undefined) handed = handOn(event, more);
        } catch (thrown) {
          this.#refused(link, kind, event, thrown);
        }
        enter(at + 1, handed);
        return ended;
      };
      const failed = (thrown: unknown): void => this.#failed(link, kind, event, thrown);
      try {
        Promise.resolve(link.call(event, next)).catch(failed);
        if (!isEntered) this.#late(link, kind);
      } catch (thrown) {
        failed(thrown);
      }
      void next();
    };
    enter(0, event);
    if (fault !== undefined) throw fault.thrown;
    return result!;
  }

  #failed({ name }: Link, kind: Kind, { task, callId }: EventOf<Kind>, thrown: unknown): void {
    this.#log.error(
      { hook: name, kind, task, callId, err: loggable(thrown) },
      "a hook failed; the call goes on without it",
    );
  }

  #refused({ name }: Link, kind: Kind, { task, callId }: EventOf<Kind>, thrown: unknown): void {
    const { reason } = TaskError.from(thrown, "internal");
    this.#log.error({ hook: name, kind, task, callId, reason }, "what a hook gave next() is dropped");
  }

  /** Said once: a hook that is late is so in each call. */
  #late(link: Link, kind: Kind): void {
    if (link.isLate) return;
    link.isLate = true;
    this.#log.warn({ hook: link.name, kind }, "a hook did not call next() at once: calls go on without it");
  }
}

/** Refuses what can't be a list of hooks. Absent is fine. */
export function checkHooks(hooks: unknown, fail: (reason: string) => never): void {
  if (hooks === undefined) return;
  if (!Array.isArray(hooks)) return fail(`hooks must be a list; got ${shown(hooks)}`);
  for (const [index, hook] of (hooks as unknown[]).entries()) {
    const given = typeof hook === "object" && hook !== null ? kinds.map((kind) => (hook as Hook)[kind]) : [];
    if (!given.some((member) => member !== undefined)) fail(`hooks[${index}] has none of ${kinds.join(", ")}`);
    for (const member of given) {
      if (member !== undefined && typeof member !== "function")
        fail(`hooks[${index}] must hold functions; got ${shown(member)}`);
    }
  }
}
