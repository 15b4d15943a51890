import type { Broker } from "./broker.ts";
import { about, checkKnownId } from "./call.ts";
import { shown } from "./checks.ts";
import type { Declaration } from "./declaration.ts";
import { type AnyTaskError, TaskError } from "./errors.ts";
import type { Handles } from "./handles.ts";
import type { Handle } from "./handle.ts";
import { attemptErrors, KeptRecord } from "./kept-record.ts";
import type { LocalReplays } from "./local-replays.ts";
import type { LocalRuns } from "./local.ts";
import { forsaken, isAutomatic, isForsaken } from "./node-queue.ts";
import type { InspectedCall, Operator, ParkedRecord } from "./operator.ts";
import type { WhereOptions } from "./options.ts";
import type { KeptCall, ParkedCall, ParkedPage, ParkedQuery, ReplayOptions } from "./parked.ts";
import { isTerminal } from "./state.ts";

/** What {@link ParkedCalls} need of their client. */
export interface ParkedSettings {
  /** @throws TaskError `unimplemented` for a broker that has none. */
  operator(): Operator;
  readonly broker: Broker;
  /** @throws TaskError `invalid_argument` for a task that does not exist. */
  declaration(task: string): Declaration;
  /** The same in the queue that is named. @throws TaskError `invalid_argument` for a queue that can't be one, too. */
  declarationIn(task: string, where: WhereOptions | undefined): Declaration;
  readonly handles: Handles;
  readonly local: LocalRuns;
  /** What runs them in this process. */
  replays(): Promise<LocalReplays>;
}

/** How many calls a page holds if nothing is said, and at the most. */
const defaultLimit = 100;
const largestLimit = 1_000;

/** The client's side of parked calls; typed by {@link Parked}. */
export class ParkedCalls {
  readonly #settings: ParkedSettings;

  constructor(settings: ParkedSettings) {
    this.#settings = settings;
  }

  async list(query: ParkedQuery): Promise<ParkedPage> {
    const { limit = defaultLimit, task } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > largestLimit)
      refuse(`limit must be a whole number from 1 to ${largestLimit}; got ${shown(limit)}`);
    const declaration = task === undefined ? undefined : this.#settings.declaration(task);
    const queue = query.queue ?? declaration?.queue;
    if (typeof queue !== "string") return refuse("a list is one of a queue: give queue, or task");
    let { after } = query;
    for (;;) {
      const page = await this.#settings.operator().parked(queue, { limit, after });
      const all = page.calls.map(parkedCall);
      const calls = declaration === undefined ? all : all.filter((call) => call.task === declaration.name);
      after = page.next;
      if (calls.length > 0 || after === undefined) return { calls, next: after };
    }
  }

  async show(task: string, id: string, where?: WhereOptions): Promise<KeptCall> {
    return this.#about(task, id, where, async (declaration) => {
      const { call, kept } = await this.#look(declaration, id);
      checkReplayable(call, kept);
      const { request } = kept;
      const { priority, attempt, deaths, generation } = kept.header;
      return {
        id,
        task: request?.task,
        state: call.state,
        priority: priority === "nested" ? "normal" : priority,
        params: request?.params as KeptCall["params"],
        options: request?.options,
        attempt,
        deaths,
        generation,
        parkedAt: call.state === "parked" ? call.parkedAt : undefined,
        reason: kept.error(id, declaration),
        errors: attemptErrors(call.failures),
      };
    });
  }

  async replay(task: string, id: string, { local = false, ...where }: ReplayOptions = {}): Promise<Handle> {
    return this.#about(task, id, where, async (declaration) => {
      const { local: runs, handles } = this.#settings;
      const { queue } = declaration;
      if (local && declaration.limited)
        refuse("its maxConcurrency or rateLimit holds on workers: replay it without local");
      if (local && !runs.implements(declaration))
        throw new TaskError(
          "unimplemented",
          "no implementation of it was given to this client: give it as implementations, or replay it without local",
        );
      const { call, kept } = await this.#look(declaration, id);
      checkReplayable(call, kept);
      const record = kept.next;
      if (record === undefined)
        return refuse(`it is ${call.state}, and nothing is left of it that could run; discard it`);
      if (!local) await this.#refuseForsaken(queue);
      const operator = this.#settings.operator();
      const replayed = local
        ? await (await this.#settings.replays()).replay(operator, declaration, id, record)
        : await operator.replay(queue, id, { record });
      if (replayed === undefined) throw notFound();
      if (replayed.outcome === "refused") refuse(`it is ${replayed.state} by now: somebody else has replayed it`);
      return handles.open(declaration, id, false);
    });
  }

  async discard(task: string, id: string, where?: WhereOptions): Promise<void> {
    await this.#about(task, id, where, async (declaration) => {
      const { call } = await this.#look(declaration, id);
      const parked = call.state === "parked";
      const state = parked ? await this.#settings.operator().discard(declaration.queue, id) : call.state;
      if (state === undefined) throw notFound();
      if (state !== "parked") refuse(`it is ${state}, not parked: there is nothing to discard`);
    });
  }

  /** @throws TaskError `unavailable` for a queue in which it would wait for ever. */
  async #refuseForsaken(queue: string): Promise<void> {
    const { broker } = this.#settings;
    if (!isAutomatic(queue) || !(await isForsaken(broker, queue))) return;
    throw new TaskError(
      "unavailable",
      `${forsaken(queue)}; replay it with local, or call anew with what parked.show() tells of it`,
    );
  }

  /** What is kept of a call. */
  async #look(declaration: Declaration, id: string): Promise<{ call: InspectedCall; kept: KeptRecord }> {
    const call = await this.#settings.operator().inspect(declaration.queue, id);
    if (call === undefined) throw notFound();
    const kept = new KeptRecord(call.record);
    const task = kept.request?.task ?? declaration.name;
    if (task !== declaration.name) refuse(`it is a call of ${task}`);
    return { call, kept };
  }

  /** Does something about a call; what goes wrong with it names it. */
  async #about<T>(
    task: string,
    id: string,
    where: WhereOptions | undefined,
    act: (declaration: Declaration) => Promise<T>,
  ): Promise<T> {
    const declaration = this.#settings.declarationIn(task, where);
    checkKnownId(id);
    try {
      return await act(declaration);
    } catch (thrown) {
      throw TaskError.from(thrown, "internal", about({ declaration, id }));
    }
  }
}

function parkedCall({ id, parkedAt, record }: ParkedRecord): ParkedCall {
  const kept = new KeptRecord(record);
  const { attempt, deaths, generation } = kept.header;
  const reason =
    kept.error(id) ?? new TaskError<string, unknown>("internal", "its record does not say why it was parked");
  return { id, task: kept.request?.task, parkedAt, attempt, deaths, generation, reason };
}

/** @throws TaskError `invalid_argument` for a call that can't be replayed for the state it is in. */
function checkReplayable({ state }: InspectedCall, kept: KeptRecord): void {
  if (!isTerminal(state))
    refuse(`it is ${state}, neither parked nor finished: its handle tells how it stands, and cancels it`);
  if (state !== "parked" && !kept.holdsRequest)
    refuse(`it is ${state}, and its request was not kept: that of a call that succeeds or fails is, with keepRequest`);
}

function notFound(): AnyTaskError {
  return new TaskError<string, unknown>("not_found", "its id is unknown, or its record is gone");
}

function refuse(reason: string): never {
  throw new TaskError("invalid_argument", reason);
}
