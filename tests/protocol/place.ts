import { onTestFinished } from "vitest";
import { createWorker, type Implementation, type Logger, type WorkerOptions } from "taskpact";
import { createTasks, type Tasks } from "../../generated/index.ts";
import { namespaceUntil } from "../redis/namespace.ts";
import { sharedRedisUrl } from "../redis/suite.ts";

/** Lines are for people; tests want quiet. */
export const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Where one test's callers and workers meet: a Redis and a namespace on it. All that is opened ends with the test. */
export class Place {
  readonly url: string;
  readonly namespace: string;

  constructor(url = sharedRedisUrl(), namespace = namespaceUntil(onTestFinished)) {
    this.url = url;
    this.namespace = namespace;
  }

  /** A key of a queue. */
  key(queue: string, name: string): string {
    return `${this.namespace}:{${queue}}:${name}`;
  }

  /** A taskpact client. @param url - another way to the same Redis */
  tasks(url = this.url, implementations: readonly Implementation[] = []): Tasks {
    const tasks = createTasks({ broker: url, namespace: this.namespace, implementations, log: quiet });
    onTestFinished(() => tasks.client.close());
    return tasks;
  }

  /** A taskpact worker, which listens by now. */
  async worker(
    implementations: readonly Implementation[],
    options: Partial<WorkerOptions> & { readonly url?: string } = {},
  ): Promise<{ stop(): Promise<void> }> {
    const { url = this.url, ...rest } = options;
    let listening = (): void => {};
    const begun = new Promise<void>((resolve) => (listening = resolve));
    const log: Logger = { ...quiet, info: (_, message) => void (message === "listening" && listening()) };
    const worker = createWorker({ broker: url, namespace: this.namespace, implementations, log, ...rest });
    const running = worker.run();
    const stop = async (): Promise<void> => {
      await worker.stop({ graceMs: 0 });
      await running;
    };
    onTestFinished(stop);
    await Promise.race([begun, running]);
    return { stop };
  }
}
