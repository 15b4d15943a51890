import { type ChildProcess, spawn } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { CpuKind } from "../contract.ts";
import { redacted } from "../redaction.ts";
import { thrownText, tried } from "../thrown.ts";
import { loadersOf } from "./loaders.ts";
import { type FromMember, isFromMember, type ToMember } from "./message.ts";
import type { Place } from "./place.ts";
import type { PoolSettings } from "./pool-options.ts";
import { program } from "./program.ts";

/** How long one may take to start and to import a module, ms. */
export const startMs = 30_000;

/** Who has something done by a member. */
export interface Audience {
  hear(message: FromMember): void;
  /** It has died, and how. */
  died(words: string): void;
}

/** A thread or a process of a pool. While it has no audience, it keeps no process alive. */
export interface Member {
  readonly kind: CpuKind;
  /** Resolves when nothing of it is left. */
  readonly gone: Promise<void>;
  readonly alive: boolean;
  /** Begins to work for somebody, or for nobody. */
  attend(audience: Audience | undefined): void;
  post(message: ToMember): void;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

/** Starts one, for a first task to be run. `died` is told before its audience is. */
export function startMember({ kind, module }: Place, settings: PoolSettings, died: (member: Member) => void): Member {
  const body = kind === "thread" ? threadBody(module, settings) : processBody(settings);
  let audience: Audience | undefined;
  let alive = true;
  const member: Member = {
    kind,
    gone: new Promise((resolve) => {
      body.listen(
        (message) => {
          if (isFromMember(message)) audience?.hear(message);
        },
        (words) => {
          alive = false;
          died(member);
          audience?.died(words);
          resolve();
        },
      );
    }),
    get alive() {
      return alive;
    },
    attend(given) {
      audience = given;
      body.keep(given !== undefined);
    },
    post: (message) => body.post(message),
    kill: () => body.kill(),
  };
  return member;
}

/** What threads and processes do each in their own way. */
interface Body {
  listen(hear: (message: unknown) => void, died: (words: string) => void): void;
  post(message: ToMember): void;
  /** Whether the process is to be kept alive by it. */
  keep(keeps: boolean): void;
  kill(): void;
}

function threadBody(module: string, { heapMb, execArgv }: PoolSettings): Body {
  // As a module, for which Node heeds --import: a text to be evaluated does not.
  const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    name: "taskpact-cpu",
    workerData: { loaders: loadersOf(module, execArgv ?? process.execArgv) },
    ...(execArgv !== undefined && { execArgv: [...execArgv] }),
    ...(heapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
  });
  let fault: string | undefined;
  return {
    listen(hear, died) {
      thread.on("message", hear);
      thread.on("error", (thrown: (Error & { code?: string }) | null | undefined) => {
        const outOfMemory = tried(() => thrown?.code) === "ERR_WORKER_OUT_OF_MEMORY";
        fault = outOfMemory ? "ran out of memory" : `died of an error: ${redacted(thrownText(thrown))}`;
      });
      thread.on("exit", (code) => died(`the thread that ran it ${fault ?? `exited with code ${code}`}`));
    },
    post(message) {
      thread.postMessage(message, message.kind === "run" ? [message.record.buffer as ArrayBuffer] : []);
    },
    keep(keeps) {
      if (keeps) thread.ref();
      else thread.unref();
    },
    kill: () => void thread.terminate(),
  };
}

function processBody({ heapMb, execArgv }: PoolSettings): Body {
  const heap = heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`];
  const child = spawn(process.execPath, [...(execArgv ?? inherited(process.execArgv)), ...heap, "-e", program], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "advanced",
  });
  return {
    listen(hear, died) {
      child.on("message", hear);
      // One that never was has no exit; what goes wrong with another shows by its exit.
      child.on("error", (error) => child.pid === undefined && died(`no process could be started: ${error.message}`));
      child.on("exit", (code, signal) =>
        died(`the process that ran it ${signal === null ? `exited with code ${code ?? 0}` : `was ended by ${signal}`}`),
      );
    },
    post(message) {
      // One that has just died hears nothing; its exit is told.
      child.send(message, () => undefined);
    },
    keep: (keeps) => keep(child, keeps),
    kill: () => void child.kill("SIGKILL"),
  };
}

function keep(child: ChildProcess, keeps: boolean): void {
  const held = [child, child.channel];
  for (const one of held) {
    if (keeps) one?.ref();
    else one?.unref();
  }
}

/** Node's options that other processes can have, too: no debugger's port, and not the program that this one was given. */
export function inherited(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at < execArgv.length; at++) {
    const option = execArgv[at]!;
    if (/^(-e|--eval|-p|--print|-pe)$/.test(option)) at += 1;
    else if (!/^--(inspect|input-type|eval=|print=)/.test(option)) kept.push(option);
  }
  return kept;
}
