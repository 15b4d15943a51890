/** A real terminal for a program: a pseudo-terminal, which Python opens, as Node can't. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** Opens a terminal of 80 by 24, runs a program in it, and copies what is typed and shown. */
const host = `
import fcntl, os, pty, struct, subprocess, sys, termios, threading
outer, inner = pty.openpty()
fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
program = subprocess.Popen(
    sys.argv[1:], stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)
os.close(inner)
def type_on():
    while keys := os.read(0, 1024):
        os.write(outer, keys)
threading.Thread(target=type_on, daemon=True).start()
try:
    while shown := os.read(outer, 65536):
        os.write(1, shown)
except OSError:
    pass # On Linux, a terminal without a program is an error.
code = program.wait()
os._exit(code if code >= 0 else 128 - code)
`;

const interpreter = ["python3", "/usr/bin/python3"].find(
  (path) => spawnSync(path, ["-c", "import pty, sys; sys.exit(sys.version_info < (3, 8))"]).status === 0,
);

/** Why there are no terminals here; undefined where there are. */
export const withoutTerminal =
  interpreter === undefined ? "a terminal is opened by python3 (3.8 or later), which is not here" : undefined;

/** A program in a terminal. */
export interface Terminal {
  /** Resolves when a text is shown that was not shown before the last one. @throws Error if the program ends before. */
  until(text: string): Promise<void>;
  /** Types keys: `"\\x03"` is Ctrl-C, `"\\x04"` Ctrl-D, `"\\t"` the tabulator. */
  type(keys: string): void;
  /** All that was shown, escape sequences included. */
  readonly shown: string;
  /** Its exit code; 128 and the number of the signal that ended it. */
  readonly ended: Promise<number | null>;
  kill(): void;
}

/** Runs a program in a terminal. */
export function inTerminal(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Terminal {
  // Node leaves colors out where it takes a variable for a sign that nobody looks.
  const env = { ...options.env, TERM: "xterm-256color", CI: undefined, FORCE_COLOR: undefined };
  const child = spawn(interpreter!, ["-c", host, ...command], { ...options, env, stdio: ["pipe", "pipe", "inherit"] });
  let shown = "";
  let from = 0;
  let heard = (): void => {};
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    heard();
  });
  // What is typed too late is typed to nobody.
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    async until(text) {
      for (;;) {
        const at = shown.indexOf(text, from);
        if (at !== -1) {
          from = at + text.length;
          return;
        }
        const more = new Promise<void>((resolve) => (heard = resolve));
        const end = await Promise.race([more, ended.then((code) => ({ code }))]);
        if (end !== undefined && !shown.includes(text, from))
          throw new Error(`it ended with ${end.code} before it showed "${text}":\n${shown}`);
      }
    },
    type: (keys) => void child.stdin.write(keys),
    get shown() {
      return shown;
    },
    ended,
    kill: () => void child.kill("SIGKILL"),
  };
}
