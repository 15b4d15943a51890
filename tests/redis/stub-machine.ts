import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Machine } from "./machine.ts";

/** A made-up machine, for tests of the search: its PATH holds what the test puts there, its cache is empty. */
export class StubMachine implements Machine, AsyncDisposable {
  readonly env: Record<string, string>;
  root = false;
  readonly said: string[] = [];
  readonly say = (line: string): void => void this.said.push(line);
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.env = { PATH: join(folder, "bin"), HOME: folder, CALLS: join(folder, "calls") };
  }

  /** A machine with nothing on it. */
  static async create(): Promise<StubMachine> {
    const machine = new StubMachine(await mkdtemp(join(tmpdir(), "taskpact-machine-")));
    await mkdir(join(machine.folder, "bin"));
    return machine;
  }

  /** Puts a shell script into a file, by default one on the PATH. */
  async script(name: string, lines: string): Promise<string> {
    const path = name.includes("/") ? join(this.folder, name) : join(this.folder, "bin", name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${lines}\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** Puts a program there that says it is a Redis. */
  server(name: string, version: string): Promise<string> {
    return this.script(name, serverScript(version));
  }

  /** Puts a Debian's package tools there, that know one version of Redis and write down how they are called. */
  async packages(apt: AptStub): Promise<void> {
    const write = 'echo "$(basename "$0") $*" >> "$CALLS"';
    await this.script("apt-cache", `${write}\ncase "$*" in *redis-tools) echo "  Candidate: 5:${apt.offers}-1";; esac`);
    await this.script(
      "apt-get",
      `${write}
case "$*" in
  *" update") ${apt.update ?? ""} ;;
  *--simulate*) echo "Inst libnew1 (1.0 Debian:12 [amd64])"; echo "Inst libc6 [2.35] (2.36 Debian:12 [amd64])" ;;
  *" download "*) ${apt.download ?? ":"}; touch one.deb ;;
  *) ${apt.install ?? ""} ;;
esac`,
    );
    await this.script(
      "dpkg",
      `${write}
mkdir -p "$3/usr/bin"
printf '%s\\n' '#!/bin/sh' '${serverScript(apt.unpacks ?? apt.offers)}' > "$3/usr/bin/redis-server"
chmod +x "$3/usr/bin/redis-server"`,
    );
  }

  /** How the package tools were called, without the options that each call has. */
  async calls(): Promise<string[]> {
    const text = await readFile(join(this.folder, "calls"), "utf8").catch(() => "");
    return text
      .trim()
      .split("\n")
      .map((line) => line.replace(/ -q| -o Acquire\S+| -o APT\S+/g, ""));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** What the package tools do; shell commands, by default those that succeed. */
export interface AptStub {
  readonly offers: string;
  /** The version that the unpacked server tells. @default offers */
  readonly unpacks?: string;
  readonly update?: string;
  readonly download?: string;
  readonly install?: string;
}

function serverScript(version: string): string {
  return `echo "Redis server v=${version} sha=00000000:0 malloc=libc bits=64 build=0"`;
}
