import { parseArgs } from "node:util";

/** What an example was asked for. */
export interface ExampleOptions {
  /** Where the queues are: `memory:`; a Redis, with the worker in a process of its own; or `auto`, to start one. */
  readonly broker: string;
}

/**
 * Reads `--redis redis://…` or `--redis auto`; prints how to use it and ends the process for anything else.
 *
 * @param command - as people start it: `npm run demo`.
 */
export function readOptions(command: string, args: readonly string[] = process.argv.slice(2)): ExampleOptions {
  try {
    const { values } = parseArgs({ args: [...args], options: { redis: { type: "string" } } });
    return { broker: values.redis ?? "memory:" };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error(`usage: ${command} [-- --redis redis://127.0.0.1:6379 | --redis auto]`);
    process.exit(2);
  }
}
