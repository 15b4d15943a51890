/**
 * Makes the package as it is published, in `dist` or in the folder that is named: its declarations one by one, and its JavaScript in
 * few files, since Node takes about a millisecond to load each.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { build, type ChunkingContext } from "rolldown";

const root = import.meta.dirname;
const folder = resolve(root, process.argv[2] ?? "dist");

const { exports, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, { readonly "taskpact-source"?: string }>>;
  readonly bin: Readonly<Record<string, string>>;
};
const doors = Object.values(exports).flatMap((door) => door["taskpact-source"] ?? []);
const commands = Object.values(bin).map((file) => file.replace("/dist/", "/").replace(/js$/, "ts"));
const entries = [...doors, ...commands, "cli/member.ts"].map((file) => join(root, file));

const nameOf = (file: string): string => relative(root, file).replace(/\.ts$/, "");

/** What is loaded with some files: their imports, and the imports of these, but for those that wait until they are needed. */
function loadedWith(...files: readonly string[]): (id: string, context: ChunkingContext) => boolean {
  const found = new Set<string>();
  const find = (id: string, context: ChunkingContext): void => {
    if (found.has(id)) return;
    found.add(id);
    for (const imported of context.getModuleInfo(id)?.importedIds ?? []) find(imported, context);
  };
  return (id, context) => {
    for (const file of files) find(join(root, file), context);
    return found.has(id);
  };
}

const client = loadedWith("runtime/index.ts", "runtime/codegen.ts", "runtime/redis.ts");
const command = loadedWith("cli/main.ts");

rmSync(folder, { recursive: true, force: true });
await build({
  cwd: root,
  input: Object.fromEntries(entries.map((file) => [nameOf(file), file])),
  platform: "node",
  external: (id) => !id.startsWith(".") && !isAbsolute(id),
  tsconfig: false,
  transform: { target: "es2023" },
  output: {
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    // What is imported when it is needed keeps its place.
    chunkFileNames: ({ facadeModuleId }) => (facadeModuleId ? `${nameOf(facadeModuleId)}.js` : "chunks/[name].js"),
    minifyInternalExports: false,
    comments: { jsdoc: false },
    codeSplitting: {
      groups: [
        {
          debugName: "what the command's help loads, too",
          priority: 1,
          name: (id, context) => (client(id, context) && command(id, context) ? "client-and-command" : null),
        },
        {
          debugName: "what every client loads",
          name: (id, context) => (client(id, context) ? "client" : null),
        },
      ],
    },
  },
});
const tsc = join(root, "node_modules/typescript/bin/tsc");
const args = ["-p", join(root, "tsconfig.build.json"), "--outDir", folder];
execFileSync(process.execPath, [tsc, ...args], { stdio: "inherit" });
