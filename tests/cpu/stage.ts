import { onTestFinished } from "vitest";
import {
  type Broker,
  type CallOptions,
  createWorker,
  type Implementation,
  type Logger,
  type WorkerOptions,
} from "taskpact";
import { type ClientOptions, createClient } from "taskpact/codegen";
import type { LooseAnswer, LooseHandle } from "../calls/lab.ts";
import type * as declared from "./contract.ts";
import { contract, lab } from "./handlers.ts";

type Name = keyof typeof declared;

/** The lab's tasks without their types. */
export interface CpuTasks extends Record<Name, (...args: unknown[]) => Promise<unknown>> {
  readonly safe: Record<Name, (...args: unknown[]) => Promise<LooseAnswer>>;
  readonly submit: Record<Name, (...args: unknown[]) => Promise<LooseHandle>>;
  readonly client: { close(): Promise<void> };
  with(options: CallOptions): CpuTasks;
}

/** What the pools of tests are started with: they load TypeScript as these tests do not. */
export const pool = { execArgv: ["--import", "tsx", "-C", "taskpact-source"], size: 2 };

/** What workers run, and how its pool is started. */
export interface Pooled {
  readonly lab: Implementation;
  readonly pool: { readonly execArgv: readonly string[]; readonly size: number };
}

/** Clients and workers on one broker, and what the handlers say in their threads. */
export class CpuStage {
  readonly #open: () => string | Broker;
  readonly lines: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  #heard: (() => void)[] = [];
  readonly log: Logger;

  readonly lab: Implementation;
  readonly pool: Pooled["pool"];

  /** @param pooled - @default the lab as it is written, which tsx loads */
  constructor(open: () => string | Broker, pooled: Pooled = { lab, pool }) {
    this.#open = open;
    this.lab = pooled.lab;
    this.pool = pooled.pool;
    const line = (fields: object, message: string): void => {
      this.lines.push({ message, fields: { ...fields } });
      for (const heard of this.#heard.splice(0)) heard();
    };
    this.log = { debug() {}, info: line, warn: line, error: line };
  }

  /** Resolves when as many lines of a message, of a call's name if one is given, have been logged. */
  async said(message: string, name?: string, times = 1): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const found = this.lines.filter(
        (line) => line.message === message && (name === undefined || line.fields["name"] === name),
      );
      if (found.length >= times) return found[times - 1]!.fields;
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  client(options: Partial<ClientOptions> = {}): CpuTasks {
    const broker = this.#open();
    const tasks = createClient<CpuTasks>(
      { shape: "flat", contracts: [contract] },
      { broker, log: this.log, pool: this.pool, ...options },
    );
    onTestFinished(async () => {
      await tasks.client.close();
      if (typeof broker !== "string") await broker.close();
    });
    // What is submitted has no such time.
    return Object.create(tasks.with({ timeoutMs: 60_000 }), { submit: { value: tasks.submit } }) as CpuTasks;
  }

  /** A worker that listens by now. */
  async worker(options: Partial<WorkerOptions> = {}): Promise<{ stop(graceMs?: number): Promise<void> }> {
    const broker = this.#open();
    const worker = createWorker({ broker, implementations: [this.lab], log: this.log, pool: this.pool, ...options });
    const before = this.lines.filter(({ message }) => message === "listening").length;
    const running = worker.run();
    const stop = async (graceMs = 0): Promise<void> => {
      await worker.stop({ graceMs });
      await running;
      if (typeof broker !== "string") await broker.close();
    };
    onTestFinished(() => stop());
    await Promise.race([this.said("listening", undefined, before + 1), running]);
    return { stop };
  }
}
