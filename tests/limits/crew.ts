import { onTestFinished } from "vitest";
import { type Broker, createWorker, type Paused, type WorkerOptions } from "taskpact";
import { contractOf, createClient, implement } from "taskpact/codegen";
import { type LooseHandle, quiet } from "../calls/lab.ts";
import * as declared from "./contract.ts";

type Name = keyof typeof declared;
const names = Object.keys(declared) as Name[];
export const contract = contractOf("limits", declared, names);

interface Tasks extends Record<Name, (customer?: string) => Promise<string>> {
  with(options: object): Tasks;
  readonly submit: Record<Name, (customer?: string) => Promise<LooseHandle>>;
  readonly client: {
    pause(what: { task?: string; queue?: string }): Promise<void>;
    resume(what: { task?: string; queue?: string }): Promise<void>;
    paused(): Promise<Paused>;
    close(): Promise<void>;
  };
}

/** Clients and workers of one store, and how many handlers of which task and customer they run. All ends with the test. */
export class Crew {
  /** When calls started, by task and customer, ms. */
  readonly starts = new Map<string, number[]>();
  readonly most = new Map<string, number>();
  readonly #now = new Map<string, number>();
  readonly #open: () => Broker;
  #gate: Promise<void> | undefined;
  #openGate: () => void = () => undefined;

  constructor(open: () => Broker) {
    this.#open = () => {
      const broker = open();
      onTestFinished(() => broker.close());
      return broker;
    };
  }

  client(implementations: boolean = false): Tasks {
    const given = implementations ? { implementations: [this.implementation()] } : {};
    const registry = { shape: "flat" as const, contracts: [contract] };
    const tasks = createClient<Tasks>(registry, { broker: this.#open(), log: quiet, ...given });
    onTestFinished(() => tasks.client.close());
    return tasks;
  }

  /** Handlers that have begun wait until they are let go. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#openGate = resolve));
    onTestFinished(() => this.letGo());
  }

  letGo(): void {
    this.#openGate();
    this.#gate = undefined;
  }

  running(key: string): number {
    return this.#now.get(key) ?? 0;
  }

  started(task: Name): number {
    return [...this.starts].reduce((sum, [key, { length }]) => (key.startsWith(`${task} `) ? sum + length : sum), 0);
  }

  implementation(only: readonly Name[] = names) {
    const handler = (task: Name) => async (params: { customer: string }) => this.#run(`${task} ${params.customer}`);
    const handlers = Object.fromEntries(only.map((name) => [name, handler(name)]));
    return implement(contractOf("limits", declared, [...only]), handlers);
  }

  /** Workers that listen by now. */
  async workers(count: number, options: Partial<WorkerOptions> = {}): Promise<{ stop(): Promise<void> }> {
    const stops = await Promise.all(Array.from({ length: count }, async () => this.#worker(options)));
    return { stop: async () => void (await Promise.all(stops.map((stop) => stop()))) };
  }

  async #worker(options: Partial<WorkerOptions>): Promise<() => Promise<void>> {
    let running: Promise<void> | undefined;
    let stop: () => Promise<void> = async () => undefined;
    await new Promise<void>((resolve, reject) => {
      const log = { ...quiet, info: (_: object, message: string) => message === "listening" && resolve() };
      const implementations = [this.implementation()];
      const worker = createWorker({ broker: this.#open(), implementations, schedule: false, log, ...options });
      stop = () => worker.stop();
      onTestFinished(() => worker.stop({ graceMs: 0 }));
      running = worker.run();
      running.catch(reject);
    });
    return stop;
  }

  async #run(key: string): Promise<string> {
    const now = this.running(key) + 1;
    this.#now.set(key, now);
    this.most.set(key, Math.max(this.most.get(key) ?? 0, now));
    this.starts.set(key, [...(this.starts.get(key) ?? []), performance.now()]);
    await new Promise((resolve) => setImmediate(resolve));
    await this.#gate;
    this.#now.set(key, this.running(key) - 1);
    return key;
  }
}
