import { type WorkerConfig, workerFaults } from "./worker-config.ts";

/** What `taskpact.config.ts` says of a project. All of it may be left out. */
export interface Config {
  /** The folder of the contracts. @default "contracts" */
  readonly contracts?: string | undefined;
  /** The folder that the generator writes, and owns. @default "generated" */
  readonly generated?: string | undefined;
  /**
   * How generated files end the paths that they import.
   *
   * @default as tsconfig.json wants it: ".ts" with `allowImportingTsExtensions` or `rewriteRelativeImportExtensions`,
   * else ".js"
   */
  readonly importExtension?: ImportExtension | undefined;
  /**
   * `flat`: `tasks.addition(…)`, names are unique over all contracts; `byContract`: `tasks.math.addition(…)`.
   *
   * @default "flat"
   */
  readonly client?: ClientShape | undefined;
  /**
   * Whose contracts these are. Workers run no calls that were made by another owner's contract of the same name: two packages that
   * generate the same contract on purpose give the same owner here.
   *
   * @default the name in the nearest package.json
   */
  readonly owner?: string | undefined;
  /** The URL of the broker that the `taskpact` command goes to; `--broker` and `TASKPACT_BROKER` go before it. */
  readonly broker?: string | undefined;
  /** What sets this application's keys apart from others', for the command. @default "taskpact" */
  readonly namespace?: string | undefined;
  /** How `taskpact worker` runs. */
  readonly worker?: WorkerConfig | undefined;
}

/** What a generated import ends with; `""` for bundlers that add it. */
export type ImportExtension = ".ts" | ".js" | "";

/** How the tasks of a client are laid out. */
export type ClientShape = "flat" | "byContract";

/** A project's configuration with nothing left open. */
export interface Settings {
  /** The project's folder, absolute: where `taskpact.config.ts` and `tsconfig.json` stand. */
  readonly root: string;
  /** Below `root`, with forward slashes. */
  readonly contracts: string;
  /** Below `root`, with forward slashes. */
  readonly generated: string;
  readonly importExtension: ImportExtension;
  readonly client: ClientShape;
  /** Undefined where neither the configuration nor a package.json says it: then calls are anybody's. */
  readonly owner: string | undefined;
  /** What people type to generate again: `npm run gen`. */
  readonly command: string;
}

/** Types a configuration: `export default defineConfig({ client: "byContract" })`. */
export function defineConfig(config: Config): Config {
  return config;
}

const shapes: readonly ClientShape[] = ["flat", "byContract"];
const extensions: readonly ImportExtension[] = [".ts", ".js", ""];
const options: readonly string[] = [
  "contracts",
  "generated",
  "importExtension",
  "client",
  "owner",
  "broker",
  "namespace",
  "worker",
];

/** What is wrong with a configuration, a sentence each; nothing for a good one. */
export function configFaults(config: unknown): readonly string[] {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return ["it must export an object as its default: export default defineConfig({ … })"];
  }
  const faults: string[] = [];
  const given = config as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!options.includes(name)) faults.push(`there is no option "${name}"; there are ${options.join(", ")}`);
  }
  const { contracts, generated, importExtension, client, owner, broker, namespace, worker } = given;
  if (!isFolder(contracts)) faults.push(`contracts must be a folder's path inside the project, like "contracts"`);
  if (!isFolder(generated)) faults.push(`generated must be a folder's path inside the project, like "generated"`);
  if (
    isFolder(contracts) &&
    isFolder(generated) &&
    folderName(contracts ?? "contracts") === folderName(generated ?? "generated")
  ) {
    faults.push("contracts and generated must be two folders: the generator owns what is in the second");
  }
  if (!isOneOf(importExtension, extensions)) faults.push(`importExtension must be ".ts", ".js" or ""`);
  if (!isOneOf(client, shapes)) faults.push(`client must be "flat" or "byContract"`);
  if (!isText(owner)) faults.push(`owner must be a string, like "@shop/mailer"`);
  if (!isText(broker)) faults.push(`broker must be a URL, like "redis://127.0.0.1:6379"`);
  if (!isText(namespace)) faults.push(`namespace must be a string, like "shop"`);
  faults.push(...workerFaults(worker));
  return faults;
}

/** A checked configuration with its defaults. */
export function settingsOf(
  config: Config,
  project: Pick<Settings, "root" | "importExtension" | "owner" | "command">,
): Settings {
  return {
    root: project.root,
    contracts: folderName(config.contracts ?? "contracts"),
    generated: folderName(config.generated ?? "generated"),
    importExtension: config.importExtension ?? project.importExtension,
    client: config.client ?? "flat",
    owner: config.owner ?? project.owner,
    command: project.command,
  };
}

function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  return value === undefined || (typeof value === "string" && allowed.includes(value));
}

function isText(value: unknown): boolean {
  return value === undefined || (typeof value === "string" && value !== "");
}

/** The project's own folder is none: the generator deletes in `generated`. */
function isFolder(value: unknown): value is string | undefined {
  if (value === undefined) return true;
  if (typeof value !== "string" || /^([\\/]|[A-Za-z]:)/.test(value)) return false;
  const name = folderName(value);
  return name !== "" && !name.split("/").includes("..");
}

/** `./src\\contracts/` → `src/contracts`. */
function folderName(path: string): string {
  return path
    .split(/[\\/]+/)
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}
