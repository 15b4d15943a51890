import type { Broker, ServedQueue } from "./broker.ts";
import { bury } from "./burial.ts";
import { settles } from "./clock.ts";
import type { Logger } from "./log.ts";
import { NodeHold } from "./node-hold.ts";
import { isAutomatic } from "./node-queue.ts";
import { keepNode, leaveNode } from "./node-registry.ts";

/** What a {@link NodeDuty} needs of its worker. */
export interface DutySettings {
  readonly worker: string;
  readonly node: ServedQueue;
  /** Claims from the queue, or no more. */
  serves(serves: boolean): void;
}

/** What a worker does for the queue that it alone serves, from its start to its end. */
export class NodeDuty {
  readonly #broker: Broker;
  readonly #settings: DutySettings;
  /** Of a name that others may have, too. */
  readonly #hold: NodeHold | undefined;
  #serves = false;
  #known = false;

  constructor(broker: Broker, log: Logger, settings: DutySettings) {
    const { worker, node } = settings;
    this.#broker = broker;
    this.#settings = settings;
    const serves = (now: boolean): void => this.#serve(now);
    if (!isAutomatic(node.name)) this.#hold = new NodeHold(broker, { queue: node.name, worker, log, serves });
  }

  get serves(): boolean {
    return this.#serves;
  }

  /** Before the first beat. */
  async begin(): Promise<void> {
    if (this.#hold === undefined) this.#serve(true);
    else await this.#hold.start();
  }

  /** Makes it known that there is such a queue. */
  async make(): Promise<void> {
    const { node } = this.#settings;
    await keepNode(this.#broker, { queue: node.name, tasks: node.tasks });
    this.#known = true;
  }

  /** Before what still runs is waited for: others may have the name. */
  async leave(patienceMs: number): Promise<void> {
    if (this.#hold !== undefined) await settles(this.#hold.stop(), patienceMs);
  }

  /** After the last beat: what waits in a queue that nobody will serve any more is ended. Else its calls wait for who comes. */
  async end(patienceMs: number): Promise<void> {
    const { name: queue, tasks } = this.#settings.node;
    if (!this.#known || !isAutomatic(queue)) return;
    const end = async (): Promise<void> => {
      if (await bury(this.#broker, queue)) await leaveNode(this.#broker, { queue, tasks });
    };
    // What could not be ended now is another worker's to end.
    await settles(
      end().catch(() => undefined),
      patienceMs,
    );
  }

  #serve(serves: boolean): void {
    this.#serves = serves;
    this.#settings.serves(serves);
  }
}
