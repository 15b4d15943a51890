import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { contractHead, temporaryProject, type TemporaryProject } from "../tests/temporary-project.ts";
import { generate } from "./generate.ts";
import { openProject } from "./project.ts";
import { ts } from "./read.ts";
import { writeChanges } from "./write.ts";

/*
 * Whether editors find their way through generated code: both language servers that there are, TypeScript 7's and the
 * one before it, are asked in the places where people ask them.
 */

const files = {
  "contracts/math.ts": `${contractHead}
export const addition = task({ params: { a: z.number(), b: z.number() }, result: z.number() });
`,
  "handlers/math.ts": `import { implementMath } from "../generated/index.ts";
export const math = implementMath({
  addition: ({ a, b }) => a + b,
});
export const part = implementMath.partial({
  addition: ({ a, b }) => b + a,
});
`,
  "caller.ts": `import { createTasks } from "./generated/index.ts";
const tasks = createTasks({ broker: "memory:" });
export const all = [
  await tasks.addition(1, 2),
  await tasks.safe.addition(1, 2),
  await tasks.submit.addition(1, 2),
  await tasks.with({ timeoutMs: 1 }).addition(1, 2),
];
`,
};

/** Places of `addition`: in which file, behind which text. */
const uses = [
  ["caller.ts", "await tasks."],
  ["caller.ts", "tasks.safe."],
  ["caller.ts", "tasks.submit."],
  ["caller.ts", "}).ad"],
  ["handlers/math.ts", "implementMath({\n  "],
  ["handlers/math.ts", "implementMath.partial({\n  "],
] as const;

const declaration = "contracts/math.ts: addition";

interface Editor {
  /** `file: the word there` of where the server leads to from an offset. */
  definitions(path: string, offset: number): Promise<readonly string[]>;
  /** `file:line` of all that a rename would change. */
  renamed(path: string, offset: number): Promise<readonly string[]>;
  hover(path: string, offset: number): Promise<string>;
}

async function project(): Promise<TemporaryProject> {
  const project = temporaryProject(files);
  const { settings } = await openProject(project.root);
  await writeChanges(project.root, (await generate(settings)).changes);
  return project;
}

function offsetOf(project: TemporaryProject, path: string, before: string): number {
  const offset = project.read(path).indexOf(before);
  return offset + before.length;
}

describe.each([
  ["TypeScript 7's language server", nativeEditor],
  ["the language service of TypeScript 6", classicEditor],
])("%s", (_name, editorOf) => {
  it("leads from every call and from the handler to the contract", { timeout: 30_000 }, async () => {
    const code = await project();
    const editor = await editorOf(code);
    for (const [path, before] of uses) {
      expect(await editor.definitions(path, offsetOf(code, path, before))).toContain(declaration);
    }
  });

  it(
    "renames a task in its contract, at its callers and in its handler, from wherever",
    { timeout: 30_000 },
    async () => {
      const code = await project();
      const editor = await editorOf(code);
      const expected = [
        "caller.ts:4",
        "caller.ts:5",
        "caller.ts:6",
        "caller.ts:7",
        "contracts/math.ts:4",
        "handlers/math.ts:3",
        "handlers/math.ts:6",
      ];
      for (const [path, before] of [["contracts/math.ts", "export const "], ...uses] as const) {
        const renamed = await editor.renamed(path, offsetOf(code, path, before));
        const own = renamed.filter((place) => !place.startsWith("generated/"));
        // Asked in the handlers' object, both servers name most places twice.
        expect([...(path === "handlers/math.ts" ? new Set(own) : own)].toSorted()).toEqual(expected);
      }
    },
  );

  it("shows a call with its parameters' names and printed types", { timeout: 30_000 }, async () => {
    const code = await project();
    const editor = await editorOf(code);
    const hover = await editor.hover("caller.ts", offsetOf(code, "caller.ts", "await tasks."));
    expect(hover).toContain("(a: number, b: number) => Promise<number>");
    const parts = await editor.hover("handlers/math.ts", offsetOf(code, "handlers/math.ts", "implementMath.pa"));
    expect(parts).toContain("handlers: Partial<MathHandlers<");
  });
});

/** TypeScript 7's own server, over its protocol. */
async function nativeEditor(code: TemporaryProject): Promise<Editor> {
  const server = spawn(resolve(import.meta.dirname, "../node_modules/.bin/tsc"), ["--lsp", "--stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void server.kill());
  const { request, notify } = connect(server);
  const uriOf = (path: string): string => pathToFileURL(join(code.root, path)).href;
  await request("initialize", { processId: null, rootUri: pathToFileURL(code.root).href, capabilities: {} });
  notify("initialized", {});
  for (const path of Object.keys(files)) {
    notify("textDocument/didOpen", {
      textDocument: { uri: uriOf(path), languageId: "typescript", version: 1, text: code.read(path) },
    });
  }
  const at = (path: string, offset: number): object => {
    const lines = code.read(path).slice(0, offset).split("\n");
    return {
      textDocument: { uri: uriOf(path) },
      position: { line: lines.length - 1, character: lines.at(-1)?.length },
    };
  };
  const pathOf = (uri: string): string => uri.replace(`${pathToFileURL(code.root).href}/`, "");
  return {
    async definitions(path, offset) {
      const found = (await request("textDocument/definition", at(path, offset))) as Location | readonly Location[];
      return [found].flat().map(({ uri, range }) => {
        const line = code.read(pathOf(uri)).split("\n")[range.start.line];
        return `${pathOf(uri)}: ${line?.slice(range.start.character, range.end.character)}`;
      });
    },
    async renamed(path, offset) {
      const edit = (await request("textDocument/rename", { ...at(path, offset), newName: "sum" })) as WorkspaceEdit;
      return Object.entries(edit.changes ?? {}).flatMap(([uri, edits]) =>
        edits.map(({ range }) => `${pathOf(uri)}:${range.start.line + 1}`),
      );
    },
    async hover(path, offset) {
      return JSON.stringify(await request("textDocument/hover", at(path, offset)));
    },
  };
}

interface Location {
  readonly uri: string;
  readonly range: Readonly<Record<"start" | "end", { readonly line: number; readonly character: number }>>;
}

interface WorkspaceEdit {
  readonly changes?: Readonly<Record<string, readonly Omit<Location, "uri">[]>>;
}

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** The language server protocol, as much of it as it takes. */
function connect(server: ChildProcess) {
  const waiting = new Map<number | string, (message: Message) => void>();
  let received = Buffer.alloc(0);
  server.stdout?.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const [head, length] = /Content-Length: (\d+)\r\n(?:.*\r\n)*?\r\n/.exec(received.toString("latin1")) ?? [];
      if (head === undefined || received.length < head.length + Number(length)) return;
      const message = JSON.parse(received.subarray(head.length, head.length + Number(length)).toString()) as Message;
      received = received.subarray(head.length + Number(length));
      if (message.method === undefined) waiting.get(message.id ?? "")?.(message);
      // It may ask for configuration and the like: there is none.
      else if (message.id !== undefined) send({ id: message.id, result: null });
    }
  });
  function send(message: object): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    server.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }
  let lastId = 0;
  return {
    notify: (method: string, params: object) => send({ method, params }),
    async request(method: string, params: object): Promise<unknown> {
      const id = ++lastId;
      const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
      send({ id, method, params });
      const { result, error } = await answer;
      if (error !== undefined) throw new Error(`${method}: ${error.message}`);
      return result;
    },
  };
}

/** The declarations of JavaScript's own objects, which TypeScript 7 keeps beside its program. */
const libraries = resolve(
  import.meta.dirname,
  `../node_modules/@typescript/typescript-${process.platform}-${process.arch}/lib`,
);

/** The language service that editors used before, and others still do. */
function classicEditor(code: TemporaryProject): Editor {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(code.root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    code.root,
  );
  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => fileNames,
    getScriptVersion: () => "1",
    getScriptSnapshot: (path) => {
      const text = ts.sys.readFile(path);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => code.root,
    getDefaultLibFileName: () => join(libraries, "lib.es2023.d.ts"),
    fileExists: (path) => ts.sys.fileExists(path),
    readFile: (path) => ts.sys.readFile(path),
    readDirectory: (...args) => ts.sys.readDirectory(...args),
    directoryExists: (path) => ts.sys.directoryExists(path),
    realpath: (path) => ts.sys.realpath?.(path) ?? path,
  });
  const file = (path: string): string => join(code.root, path);
  const pathOf = (name: string): string => name.replace(`${code.root}/`, "");
  return {
    async definitions(path, offset) {
      const found = service.getDefinitionAtPosition(file(path), offset) ?? [];
      return found.map(({ fileName, textSpan }) => {
        const text = code.read(pathOf(fileName));
        return `${pathOf(fileName)}: ${text.slice(textSpan.start, textSpan.start + textSpan.length)}`;
      });
    },
    async renamed(path, offset) {
      const found = service.findRenameLocations(file(path), offset, false, false, {}) ?? [];
      return found.map(({ fileName, textSpan }) => {
        const before = code.read(pathOf(fileName)).slice(0, textSpan.start);
        return `${pathOf(fileName)}:${before.split("\n").length}`;
      });
    },
    async hover(path, offset) {
      const info = service.getQuickInfoAtPosition(file(path), offset);
      return ts.displayPartsToString(info?.displayParts);
    },
  };
}
