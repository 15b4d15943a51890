import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { binaryEnv, type ServerBinary } from "./binary.ts";
import { findServer } from "./find.ts";
import { spawnWatched, type Watched } from "./watched.ts";

/** How to start a private server. */
export interface RedisOptions {
  /** @default what `findServer` finds */
  readonly binary?: ServerBinary | undefined;
  /** The ports of 127.0.0.1 to try, in order. @default 50 random ones between 20000 and 32000 */
  readonly ports?: Iterable<number> | undefined;
  /** Keep the data in this folder, in an append-only file. @default nothing outlives `stop` */
  readonly dataFolder?: string | undefined;
  /** Lines of redis.conf, as `["appendonly yes", "user ann on >secret ~* +@all"]`. @default [] */
  readonly config?: readonly string[] | undefined;
  /** Speak TLS on the port, and nothing else there; clients need no certificate. @default plain TCP */
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
}

/** A private server. It ends with this process at the latest, however that ends. */
export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:<port>`, or `rediss://`; without user and password, which only `config` knows. */
  readonly url: string;
  readonly port: number;
  /** The unix socket on which it listens too, without TLS. */
  readonly socketPath: string;
  readonly binary: ServerBinary;
  /** Of its present process; another one after `restart`. */
  readonly pid: number;
  /** Resolves with the exit code when its present process has ended, for whatever reason. */
  readonly ended: Promise<number>;
  /** What its present process has logged. */
  output(): string;
  /** SIGKILL, as in a crash: port and data stay as they are, for `restart`. */
  kill(): Promise<void>;
  /**
   * Starts it again on the same port and with the files it had, killing it first if it runs.
   * @throws as `startRedis` does
   */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open, and nobody answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Ends it and removes what it left, except for `dataFolder`. May be called again. */
  stop(): Promise<void>;
}

/** No port of those that were to be tried is free. */
export class PortTaken extends Error {
  override readonly name = "PortTaken";
}

/**
 * Starts a server and waits until it answers. It keeps nothing on disk unless told to.
 * @throws RedisMissing when there is no server to start
 * @throws PortTaken when no port is free
 * @throws Error with the server's output, when it ends or isn't ready within 10 s
 */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const binary = options.binary ?? (await findServer());
  const folder = await mkdtemp(join(tmpdir(), "taskpact-redis-"));
  try {
    if (options.dataFolder !== undefined) await mkdir(options.dataFolder, { recursive: true });
    for (const port of options.ports ?? randomPorts()) {
      try {
        const started = await launch(binary, folder, port, options);
        return new PrivateServer(binary, folder, port, options, started);
      } catch (error) {
        if (!(error instanceof PortTaken)) throw error;
      }
    }
    throw new PortTaken(`none of the given ports is free: ${[...(options.ports ?? [])].join(", ")}`);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const startTimeoutMs = 10_000;
const stopTimeoutMs = 5_000;

class PrivateServer implements RedisServer {
  readonly url: string;
  readonly port: number;
  readonly socketPath: string;
  readonly binary: ServerBinary;
  readonly #folder: string;
  readonly #options: RedisOptions;
  #process: Watched;
  #stopped = false;

  constructor(binary: ServerBinary, folder: string, port: number, options: RedisOptions, started: Watched) {
    this.url = `${options.tls === undefined ? "redis" : "rediss"}://127.0.0.1:${port}`;
    this.port = port;
    this.socketPath = socketIn(folder);
    this.binary = binary;
    this.#folder = folder;
    this.#options = options;
    this.#process = started;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get ended(): Promise<number> {
    return this.#process.ended;
  }

  output(): string {
    return this.#process.output();
  }

  async kill(): Promise<void> {
    this.#process.signal("SIGKILL");
    await this.#process.ended;
  }

  async restart(): Promise<void> {
    if (this.#stopped) throw new Error("this server was stopped: start another");
    await this.kill();
    this.#process = await launch(this.binary, this.#folder, this.port, this.#options);
  }

  pause(): void {
    this.#process.signal("SIGSTOP");
  }

  resume(): void {
    this.#process.signal("SIGCONT");
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    // An orderly end takes up to 100 ms, and is worth it only where something is kept.
    if (this.#options.dataFolder !== undefined) await this.#end();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    this.resume();
    this.#process.signal("SIGTERM");
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (timer = setTimeout(done, stopTimeoutMs)));
    await Promise.race([this.#process.ended, late]);
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function launch(binary: ServerBinary, folder: string, port: number, options: RedisOptions): Promise<Watched> {
  const file = join(folder, "redis.conf");
  await writeFile(file, configuration(folder, port, options).join("\n"));
  const watched = await spawnWatched(binary.path, [file], { folder, env: binaryEnv(binary) });
  await new Promise<void>((ready, fail) => {
    const refuse = (why: string): void => fail(new Error(`${binary.path} ${why}\n${watched.output()}`));
    const timer = setTimeout(() => {
      watched.signal("SIGKILL");
      refuse(`was not ready within ${startTimeoutMs} ms; its output:`);
    }, startTimeoutMs);
    // Logged when it listens and has loaded what it kept: from here on a command is answered.
    watched.onOutput((output) => {
      if (!/Ready to accept connections/.test(output)) return;
      clearTimeout(timer);
      ready();
    });
    watched.ended.then((code) => {
      clearTimeout(timer);
      if (/Address already in use/.test(watched.output())) fail(new PortTaken(`port ${port} is taken`));
      else refuse(`ended with exit code ${code}; its output:`);
    }, fail);
  });
  return watched;
}

/** In a file and not on the command line, so that a password given in `config` is not for every user to see. */
function configuration(folder: string, port: number, { config = [], dataFolder, tls }: RedisOptions): string[] {
  const listen =
    tls === undefined
      ? [`port ${port}`]
      : [
          "port 0",
          `tls-port ${port}`,
          `tls-cert-file ${quoted(tls.certFile)}`,
          `tls-key-file ${quoted(tls.keyFile)}`,
          "tls-auth-clients no",
        ];
  return [
    'save ""',
    `appendonly ${dataFolder === undefined ? "no" : "yes"}`,
    ...config,
    "bind 127.0.0.1",
    ...listen,
    `unixsocket ${quoted(socketIn(folder))}`,
    "unixsocketperm 700",
    `dir ${quoted(dataFolder ?? folder)}`,
    "daemonize no",
    // What `launch` reads.
    "loglevel notice",
    'logfile ""',
    "",
  ];
}

function quoted(path: string): string {
  return JSON.stringify(resolve(path));
}

function socketIn(folder: string): string {
  return join(folder, "redis.sock");
}

/** Below those that systems give to outgoing connections, so that a port is still free when its server restarts. */
export function* randomPorts(): Generator<number> {
  for (let tries = 0; tries < 50; tries += 1) yield 20_000 + Math.floor(Math.random() * 12_000);
}
