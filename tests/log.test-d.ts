/* What fits `log` for TypeScript. Checked by `npm run check:types`; it is never run. */
import { createWorker, type Implementation, type Logger } from "taskpact";

/** The shape of pino's log functions: fields before the message, or a message alone. */
interface EarlierFunction {
  <T extends object>(fields: T, message?: string, ...rest: unknown[]): void;
  (fields: unknown, message?: string, ...rest: unknown[]): void;
  (message: string, ...rest: unknown[]): void;
}
/** And that of its version 10. */
interface LaterFunction {
  <Text extends string = string>(message: Text, ...rest: unknown[]): void;
  <T, Text extends string = string>(
    fields: [T] extends [object] ? T & {} : T,
    message?: T extends string ? never : Text,
    ...rest: unknown[]
  ): void;
}
interface Pino<LogFunction> {
  level: string;
  fatal: LogFunction;
  error: LogFunction;
  warn: LogFunction;
  info: LogFunction;
  debug: LogFunction;
  trace: LogFunction;
  silent: LogFunction;
  child(bindings: Record<string, unknown>): Pino<LogFunction>;
}

declare const earlier: Pino<EarlierFunction>;
declare const pino: Pino<LaterFunction>;
declare const implementations: readonly Implementation[];

export const loggers: readonly Logger[] = [earlier, pino, pino.child({ service: "math" }), console];

createWorker({ broker: "memory:", implementations, log: pino });
createWorker({ broker: "memory:", implementations, log: "silent" });
// @ts-expect-error: there is no such level
createWorker({ broker: "memory:", implementations, log: "verbose" });
