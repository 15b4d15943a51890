import type { CredentialsProvider } from "./credentials.ts";
import type { Listeners } from "./listeners.ts";

/** How a connection is made. */
export interface ConnectionSettings {
  /** What it is for, as Redis's `CLIENT LIST` shows it. */
  readonly name: string;
  /** Asked for each connection. @default the options' user and password */
  readonly credentials?: CredentialsProvider | undefined;
  /** How long to wait for a connection, a first one or one that was lost, before a command fails, ms. */
  readonly patienceMs: number;
  /** How long Redis may leave a command unanswered before the connection is taken for dead, ms. */
  readonly silenceMs: number;
  /** For tests: how far scripts are to be ahead of Redis's time, ms. */
  readonly clockOffset: () => number;
  /** Who has events told by scripts. @default nobody */
  readonly listeners?: Listeners | undefined;
  /** Takes what is dangerous about the server. */
  readonly warn: (words: string) => void;
}
