import { parseArgs } from "node:util";
import { findServer } from "./find.ts";
import { portHolder } from "./port-holder.ts";
import { PortTaken, startRedis } from "./server.ts";

/** `npm run redis`: a local server in the foreground. Exit codes: 0 stopped as asked, 1 failed, 2 called wrongly. */

const usage = `Serves a local Redis until Ctrl-C.

  npm run redis -- [--port N] [--dir DIR]

  --port N    the port on 127.0.0.1; 0 takes any free one (default 6379)
  --dir DIR   keep the data in DIR (default: nothing is kept)
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n\n${usage}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    return await serve(options);
  } catch (error) {
    process.stderr.write(`${await explain(error, options.port)}\n`);
    return 1;
  }
}

interface Options {
  readonly help: boolean;
  readonly port: number;
  readonly dir: string | undefined;
}

/** The options, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "6379" },
        dir: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const port = Number(values.port);
    if (!/^\d+$/.test(values.port) || port > 65_535) return `--port ${values.port}: not a port`;
    return { help: values.help, port, dir: values.dir };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function serve({ port, dir }: Options): Promise<number> {
  const binary = await findServer();
  const server = await startRedis({ binary, ports: port === 0 ? undefined : [port], dataFolder: dir });
  const asked = new Promise<"asked">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve("asked"));
  });
  process.stdout.write(
    `${binary.product} ${binary.version} (${binary.source}) is ready:

  ${server.url}

${dir === undefined ? "Nothing is kept when it ends (--dir DIR keeps it)." : `Its data is kept in ${dir}.`} Stop it with Ctrl-C.
`,
  );
  const end = await Promise.race([asked, server.ended]);
  const output = server.output();
  await server.stop();
  if (end === "asked") return 0;
  process.stderr.write(`The server ended by itself, with exit code ${end}; its output:\n${output}\n`);
  return 1;
}

async function explain(error: unknown, port: number): Promise<string> {
  if (error instanceof PortTaken) {
    return `Port ${port} is taken by ${await portHolder(port)}. Use that one if it is a Redis, or give another with --port N (0: any).`;
  }
  return error instanceof Error ? error.message : String(error);
}
