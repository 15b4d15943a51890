import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { configFile } from "../generator/config-file.ts";
import { isOwnBroker } from "../runtime/brokers/open.ts";
import { type LogFormat, streamLogger } from "../runtime/log.ts";
import { checkNodeQueue } from "../runtime/node-queue.ts";
import { onStopSignals } from "../runtime/signals.ts";
import { Crew } from "./crew.ts";
import { UsageError } from "./exit-code.ts";
import { openProject, type Project } from "./project.ts";
import { brokerOf, checkLogLevel, type CommonOptions } from "./session.ts";

interface WorkerFlags extends CommonOptions {
  readonly workers?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly maxCalls?: number | undefined;
  readonly grace?: number | undefined;
  readonly nodeQueue?: string | undefined;
  /** False where `--no-schedule` says so; else what its variable and the configuration say counts. */
  readonly schedule: boolean;
}

const defaultGraceMs = 10_000;

/** Runs a module's handlers in processes of their own, until it is told to stop. */
export async function work(options: WorkerFlags, module?: string): Promise<void> {
  const project = await openProject(options.project);
  const { worker: configured = {}, namespace } = project.config;
  checkLogLevel();
  const logFormat: LogFormat | undefined = options.json === true ? "json" : undefined;
  const log = streamLogger(undefined, logFormat);
  const broker = brokerOf(options, project);
  const order = {
    module: moduleFile(project, module),
    broker,
    config: isOwnBroker(broker) ? undefined : configFile(project.root),
    namespace: options.namespace ?? namespace,
    concurrency: options.concurrency ?? configured.concurrency,
    maxCalls: options.maxCalls ?? configured.maxCalls,
    graceMs: options.grace ?? configured.graceMs ?? defaultGraceMs,
    nodeQueue: nodeQueueOf(options.nodeQueue) ?? configured.nodeQueue,
    schedule: options.schedule && configured.schedule !== false && !isSet("TASKPACT_NO_SCHEDULE"),
    logFormat,
  };
  const workers = options.workers ?? configured.workers ?? 1;
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const program = new URL(`./member.${extension}`, import.meta.url);
  const crew = new Crew({
    order,
    workers,
    program,
    execArgv: nodeArguments([order.module, order.config], project),
    log,
  });
  const undo = onStopSignals((again) => {
    log.info({}, again ? "stopping at once" : "stopping: running calls may finish; a second signal hurries");
    crew.stop();
  });
  log.info({ module: order.module, workers, pid: process.pid }, "starting");
  const code = await crew.run();
  undo();
  process.exitCode = code;
}

/** Each process makes its name, where none is given. */
function nodeQueueOf(flag: string | undefined): boolean | string | undefined {
  const fail = (reason: string): never => {
    throw new UsageError(reason, "--node-queue camera-7, or --node-queue auto");
  };
  checkNodeQueue(flag, fail);
  return flag === "auto" ? true : flag;
}

/** What is named on the command line is below the current folder, what the configuration names below the project's. */
function moduleFile({ root, config }: Project, named: string | undefined): string {
  const configured = config.worker?.module;
  if (named === undefined && configured === undefined)
    throw new UsageError(
      "no module is named",
      "taskpact worker handlers/index.ts, or worker.module in taskpact.config.ts",
    );
  const file = named === undefined ? join(root, configured!) : resolve(named);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`there is no ${named ?? configured}`);
  if (found.isDirectory())
    throw new UsageError(
      `${named ?? configured} is a folder, and no module`,
      `name a file in it, like ${join(named ?? configured!, "index.ts")}`,
    );
  return file;
}

/** Whether a variable says yes. @throws UsageError for one that says neither yes nor no. */
function isSet(variable: string): boolean {
  const text = process.env[variable] ?? "";
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off|)$/i.test(text)) return false;
  throw new UsageError(`${variable} is 1 or 0; got ${JSON.stringify(text)}`);
}

/** TypeScript is loaded by tsx, if it is installed and not yet there; else by Node, as far as that can. */
function nodeArguments(files: readonly (string | undefined)[], { root }: Project): readonly string[] {
  const inherited = process.execArgv;
  const isLoaded = [...inherited, process.env["NODE_OPTIONS"] ?? ""].some((argument) => argument.includes("tsx"));
  const isTypeScript = files.some((file) => file !== undefined && /\.[cm]?tsx?$/.test(file));
  if (!isTypeScript || isLoaded) return inherited;
  const tsx = tsxIn(root);
  if (tsx !== undefined) return [...inherited, "--import", tsx];
  if ("typescript" in process.features && Boolean(process.features.typescript)) return inherited;
  throw new UsageError(
    "tsx is not installed, which loads TypeScript",
    "npm install tsx, or name a module that was built",
  );
}

function tsxIn(root: string): string | undefined {
  for (const from of [join(root, "package.json"), import.meta.url]) {
    try {
      return pathToFileURL(createRequire(from).resolve("tsx")).href;
    } catch {
      // It may be installed beside the other one.
    }
  }
  return undefined;
}
