/**
 * The door for generated code: `taskpact/codegen` exports just what it may use.
 * People import from `taskpact`.
 */
export { declaredBy } from "./client.ts";
export type { Client, ClientOptions } from "./client.ts";
export { createClient } from "./create-client.ts";
export { implementerOf } from "./implementer.ts";
export { implement } from "./implementation.ts";
export type { Implementation, ImplementOptions } from "./implementation.ts";
export type { Conformance, Proven } from "./conformance.ts";
export { contractOf } from "./registry.ts";
export type { Contract, Registry } from "./registry.ts";
export type {
  Calls,
  DefaultProgress,
  ErrorInput,
  ErrorOutput,
  ErrorsInput,
  ErrorsOutput,
  Handlers,
  IsDeclared,
  Named,
  ParamInput,
  ParamOutput,
  ParamsOutput,
  ProgressInput,
  ProgressOutput,
  ResultInput,
  ResultOutput,
  SafeCalls,
  Signature,
  SubmitCalls,
  With,
} from "./signature.ts";
