import { randomBytes } from "node:crypto";
import type { ClaimRequest, ServedQueue } from "../../broker.ts";
import { queueKeys } from "../../keys.ts";
import type { ToldLimits } from "../../limits.ts";
import type { Argument } from "./resp.ts";

/** One claim of one queue, on its way. */
export interface Asking {
  readonly key: string;
  /** @param again - whether it was sent before. */
  readonly args: (again?: boolean) => readonly Argument[];
  /** It has no reply: the next claim asks for what it was given, if it was sent. */
  unanswered(): void;
}

function limitArgs({ task, maxConcurrency = 0, rate }: ToldLimits): readonly Argument[] {
  return [task, maxConcurrency, rate?.limit ?? 0, rate?.perMs ?? 0];
}

/** The list that a claim begins with: of 16, 12 with the high, 3 with the normal and 1 with the low one. */
const beginnings = Array.from({ length: 16 }, (_, turn) => {
  const place = (turn * 5) % 16;
  return place < 12 ? "queue:high" : place < 15 ? "queue" : "queue:low";
});

/** Tokens that are kept for a queue: what older ones were given, others have by then. */
const mostUnanswered = 16;

/**
 * What claims ask. Each has a token: where its reply was lost, the next claim of that queue tells the token, and is given
 * the calls. They are not to wait until their lease lapses.
 */
export class Askings {
  readonly #namespace: string;
  /** Where tokens differ from those of other processes. */
  readonly #mark = randomBytes(4).toString("hex");
  /** Tokens of claims whose replies were lost, by worker and queue. */
  readonly #unanswered = new Map<string, string[]>();
  /** What the claims of a queue have in common. */
  readonly #known = new WeakMap<
    ServedQueue,
    { readonly key: string; readonly tasks: string; readonly limits: readonly Argument[] }
  >();
  #count = 0;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  begin(queue: ServedQueue, request: ClaimRequest): Asking {
    const token = `${this.#mark}${this.#count.toString(36)}`;
    const list = beginnings[this.#count++ % beginnings.length]!;
    const { worker, limit, leaseMs, suspect, nestedOnly } = request;
    const { key, tasks, limits } = this.#knownOf(queue);
    const owner = (): string => JSON.stringify([worker, queue.name]);
    let before = this.#unanswered.size === 0 ? undefined : this.#unanswered.get(owner())?.shift();
    let sent = false;
    const keep = (...lost: readonly (string | undefined)[]) => {
      // Before those that are younger.
      const tokens = [...lost.filter((one) => one !== undefined), ...(this.#unanswered.get(owner()) ?? [])];
      this.#unanswered.set(owner(), tokens.slice(-mostUnanswered));
    };
    return {
      key,
      args: (again = false) => {
        sent = true;
        if (again && before !== token) {
          keep(before);
          before = token;
        }
        const all = [worker, limit, leaseMs, suspect ? "1" : "", list, tasks, token, before ?? ""];
        return nestedOnly === true || limits.length > 0 ? [...all, nestedOnly === true ? "1" : "", ...limits] : all;
      },
      unanswered: () => keep(before === token ? undefined : before, sent ? token : undefined),
    };
  }

  #knownOf(queue: ServedQueue) {
    let known = this.#known.get(queue);
    if (known === undefined) {
      known = {
        key: queueKeys(this.#namespace, queue.name).queue,
        tasks: ` ${queue.tasks.join(" ")} `,
        limits: queue.limits?.flatMap(limitArgs) ?? [],
      };
      this.#known.set(queue, known);
    }
    return known;
  }
}
