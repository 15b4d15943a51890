import type { Client } from "../runtime/client.ts";
import { createClient } from "../runtime/create-client.ts";
import { type Declaration, declarationsOf } from "../runtime/declaration.ts";
import type { Handle } from "../runtime/handle.ts";
import { type LogLevel, streamLogger } from "../runtime/log.ts";
import type { CallOptions, SubmitOptions } from "../runtime/options.ts";
import type { Signature } from "../runtime/signature.ts";
import { UsageError } from "./exit-code.ts";
import { nearest } from "./nearest.ts";
import { generatedFolder, loadContracts, openProject, type Project } from "./project.ts";

const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error", "silent"];

/** What every command may be told. */
export interface CommonOptions {
  readonly project: string;
  readonly broker?: string | undefined;
  readonly namespace?: string | undefined;
  readonly json?: boolean | undefined;
}

/** The tasks of a project, by their names on the wire. */
export interface Catalog {
  readonly declarations: readonly Declaration[];
  /** @throws TaskError with the nearest name for a task that does not exist. */
  readonly find: (name: string) => Declaration;
}

/** A client of all contracts of a project; on it, tasks go by their names on the wire. */
export interface Session extends Catalog {
  readonly client: Client<Record<string, AnySignature>>;
  call(declaration: Declaration, params: Params, options: AwaitedOptions): Promise<unknown>;
  submit(declaration: Declaration, params: Params, options: SubmitOptions): Promise<Handle>;
}

type AnySignature = Signature<(...args: never[]) => Promise<unknown>, unknown>;
type Params = Readonly<Record<string, unknown>>;
type AwaitedOptions = CallOptions & { readonly onProgress?: ((progress: unknown) => unknown) | undefined };

/** A face of which no task is known by name: contracts' names, and in them tasks'. */
interface Face {
  readonly [contract: string]: { readonly [task: string]: (...args: readonly unknown[]) => Promise<unknown> };
}
interface Root {
  readonly client: Session["client"];
  with(options: AwaitedOptions & SubmitOptions): Face & { readonly submit: Face };
}

/** Reads the tasks of a project. @throws UsageError where there are none. */
export async function openCatalog(options: CommonOptions): Promise<Catalog & { readonly project: Project }> {
  const project = await openProject(options.project);
  return { project, ...catalogOf(await loadContracts(project), generatedFolder(project)) };
}

type Contracts = Awaited<ReturnType<typeof loadContracts>>;

function catalogOf(contracts: Contracts, folder: string): Catalog {
  const declarations = contracts.flatMap((contract) => [...declarationsOf(contract).values()]);
  return {
    declarations,
    find(name) {
      const exact = declarations.find((one) => one.name === name);
      const short = declarations.filter(({ shortName }) => shortName === name);
      if (exact !== undefined) return exact;
      if (short[0] !== undefined && short.length === 1) return short[0];
      if (short.length > 1) throw new UsageError(`which ${name}: ${short.map((one) => one.name).join(" or ")}?`);
      const names = declarations.flatMap((one) => [one.name, one.shortName]);
      const near = nearest(name, names);
      throw new UsageError(
        `there is no task "${name}" in ${folder}/${near === undefined ? "" : `; did you mean ${near}?`}`,
        "taskpact ls lists the tasks",
      );
    },
  };
}

/** The URL of the broker: the flag or variable, or what the project is configured with. */
export function brokerOf(options: CommonOptions, { config }: Project): string {
  const broker = options.broker ?? config.broker;
  if (broker === undefined)
    throw new UsageError(
      "no broker is named",
      "--broker redis://127.0.0.1:6379, or TASKPACT_BROKER, or broker in taskpact.config.ts",
    );
  if (broker.startsWith("memory:"))
    throw new UsageError("a memory: broker is of one process alone: name a Redis", "--broker redis://127.0.0.1:6379");
  return broker;
}

/** Refuses a `TASKPACT_LOG` that would be passed over in silence. */
export function checkLogLevel(): void {
  const level = process.env["TASKPACT_LOG"] || "info";
  if (!logLevels.includes(level as LogLevel))
    throw new UsageError(`TASKPACT_LOG is one of ${logLevels.join(", ")}; got ${JSON.stringify(level)}`);
}

/** Does something with a client, and closes it whatever comes of that. */
export async function withSession<T>(options: CommonOptions, act: (session: Session) => Promise<T>): Promise<T> {
  const project = await openProject(options.project);
  const broker = brokerOf(options, project);
  const contracts = await loadContracts(project);
  checkLogLevel();
  // The line that a command ends with says more than a log would, unless somebody asks for that.
  const log = process.env["TASKPACT_LOG"] ? streamLogger() : streamLogger("silent");
  const { namespace = project.config.namespace } = options;
  const root = createClient<Root>({ shape: "byContract", contracts }, { broker, namespace, log });
  const way = (face: Face, { name, shortName, paramNames }: Declaration, params: Params): Promise<unknown> => {
    const contract = name.slice(0, -shortName.length - 1);
    return face[contract]![shortName]!(...paramNames.map((param) => params[param]));
  };
  try {
    return await act({
      client: root.client,
      ...catalogOf(contracts, generatedFolder(project)),
      call: (declaration, params, given) => way(root.with(given), declaration, params),
      submit: async (declaration, params, given) => (await way(root.with(given).submit, declaration, params)) as Handle,
    });
  } finally {
    await root.client.close();
  }
}
