import type { Answer } from "./answer.ts";
import type { Context } from "./context.ts";
import type { TaskError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { CallOptions, ProgressOptions, SubmitOptions } from "./options.ts";

/** What `context.progress(…)` takes of a task that declares no schema for it. */
export interface DefaultProgress {
  readonly current: number;
  readonly total: number;
}

type AnyCall = (...args: never[]) => Promise<unknown>;

/** What a handler sends where it differs from what a caller receives: codecs, defaults. */
interface Sent {
  result?: unknown;
  errors?: object;
  progress?: unknown;
}

type SentOr<Sends extends Sent, Part extends keyof Sent, Received> = Sends extends { readonly [P in Part]: infer S }
  ? S
  : Received;

type SentErrors<Sends extends Sent, Received extends object> = Sends extends { readonly errors: infer S extends object }
  ? S
  : Received;

/**
 * The printed types of one task, all of which follow from its call.
 *
 * @typeParam Call - `(a?: number) => Promise<number>`: what a caller gives and gets.
 * @typeParam Params - what the handler gets: an object of the parameters, parsed.
 * @typeParam Errors - name → data of the declared errors, as a caller reads them.
 * @typeParam Progress - as a caller reads it.
 * @typeParam Sends - what the handler gives, where it differs from what the caller reads.
 */
export interface Signature<
  Call extends AnyCall,
  Params,
  Errors extends object = {},
  Progress = DefaultProgress,
  Sends extends Sent = {},
> {
  readonly call: Call;
  readonly safe: (...args: Parameters<Call>) => Promise<Answer<Awaited<ReturnType<Call>>, Errors>>;
  readonly submit: (...args: Parameters<Call>) => Promise<Handle<Awaited<ReturnType<Call>>, Errors, Progress>>;
  readonly handle: Handle<Awaited<ReturnType<Call>>, Errors, Progress>;
  readonly errors: Errors;
  readonly progress: Progress;
  /** Of the handler: what it gets, may throw, may report and gives. */
  readonly params: Params;
  readonly raises: SentErrors<Sends, Errors>;
  readonly reports: SentOr<Sends, "progress", Progress>;
  readonly returns:
    | SentOr<Sends, "result", Awaited<ReturnType<Call>>>
    | PromiseLike<SentOr<Sends, "result", Awaited<ReturnType<Call>>>>;
}

/*
 * The faces of a contract. Each maps over the contract's own exports, so that an editor's go-to-definition
 * and rename reach them; `S` is left unconstrained, which a type checker reads a third faster.
 */

/** `tasks.x(…)`. */
export type Calls<C, S> = Members<C, S, "call">;
/** `tasks.safe.x(…)`. */
export type SafeCalls<C, S> = Members<C, S, "safe">;
/** `tasks.submit.x(…)`. */
export type SubmitCalls<C, S> = Members<C, S, "submit">;
/**
 * The object of handlers that `implement…()` takes.
 *
 * @typeParam Given - what their contexts have besides, that a contract alone does not tell: `{ readonly tasks: Tasks }`.
 */
export type Handlers<C, S, Given = {}> = {
  readonly [K in keyof C as K extends keyof S ? K : never]: Handler<S[K & keyof S], Given>;
};

type Handler<S, Given> = (
  params: Of<S, "params">,
  context: Context<Of<S, "raises">, Of<S, "reports">> & Given,
) => Of<S, "returns">;

type Members<C, S, Member extends string> = {
  readonly [K in keyof C as K extends keyof S ? K : never]: S[K & keyof S][Member & keyof S[K & keyof S]];
};

/** A contract's table of signatures, by its tasks' names on the wire: `math.addition`. */
export type Named<Contract extends string, S> = { readonly [K in keyof S & string as `${Contract}.${K}`]: S[K] };

/** `tasks.with(…)`: the same face with options, or, with options that only `submit` knows, `submit` alone. */
export interface With<Face, AwaitedFace, Submit, S> {
  /** The tasks that report such progress: `{ current, total }`, or what the type of `onProgress`'s parameter says. */
  with<Progress = DefaultProgress>(options: ProgressOptions<Progress> & NoSubmitOptions): Reporting<Face, S, Progress>;
  /** For calls that run in this process or not at all; they can't be submitted. */
  with(options: CallOptions & NoSubmitOptions & { readonly policy: "local-only" }): AwaitedFace;
  /** The same face with these options for each of its calls. */
  with(options: CallOptions & NoSubmitOptions & { readonly timeoutMs?: undefined }): Face;
  /** For calls that are awaited: how long a submit may take is `acceptTimeoutMs`. */
  with(options: CallOptions & NoSubmitOptions): AwaitedFace;
  /** `submit` with these options. */
  with(options: SubmitOptions): SubmitOnly<Submit>;
  /** The same for options that one of the above may be for. Compilers report what is wrong with options by this last overload. */
  with(options: (CallOptions & NoSubmitOptions) | (SubmitOptions & NoCallOptions)): SubmitOnly<Submit>;
}

/** The part of a face whose tasks report what a listener takes, by their entries in the table of signatures. */
export type Reporting<Face, S, Progress> = ReportingTasks<Face, S, Progress> & {
  with(options: CallOptions & NoSubmitOptions): Reporting<Face, S, Progress>;
};

/** @typeParam Prefix - `math.` within a contract of a face by contracts, as its tasks' names in the table begin. */
type ReportingTasks<Face, S, Progress, Prefix extends string = ""> = {
  readonly [
    K in keyof Face as `${Prefix}${K & string}` extends keyof S
      ? S[`${Prefix}${K & string}`] extends { readonly progress: Progress }
        ? K
        : never
      : K extends "client" | "submit" | "with"
        ? never
        : K
  ]: `${Prefix}${K & string}` extends keyof S
    ? Face[K]
    : ReportingTasks<Face[K], S, Progress, K extends "safe" ? "" : `${K & string}.`>;
};

/** Also options that were put together elsewhere are seen to be for `submit` alone. */
interface NoSubmitOptions {
  readonly acceptTimeoutMs?: undefined;
  readonly delayMs?: undefined;
  readonly runAt?: undefined;
  readonly expiresInMs?: undefined;
  readonly cancelWithParent?: undefined;
}

/** Options of awaited calls alone. */
interface NoCallOptions {
  readonly policy?: undefined;
  readonly timeoutMs?: undefined;
  readonly fallbackAfterMs?: undefined;
}

/** What is left of a face with options that only `submit` knows. */
export interface SubmitOnly<Submit> {
  readonly submit: Submit;
  with(options: SubmitOptions): SubmitOnly<Submit>;
}

/** What `isDeclared` tells: whether a rejection is that error of that task. */
export type IsDeclared<Signatures> = <
  Name extends keyof Signatures & string,
  ErrorName extends keyof ErrorsOf<Signatures[Name]> & string,
>(
  error: unknown,
  task: Name,
  name: ErrorName,
) => error is TaskError<ErrorName, ErrorsOf<Signatures[Name]>[ErrorName]>;

type ErrorsOf<S> = S extends { readonly errors: infer Errors } ? Errors : never;

/** A task's handle type, by its entry in the table of signatures. */
export type HandleOf<S> = S extends { readonly handle: infer H } ? H : never;

/*
 * What a generated file points at where a schema's type can't be printed: the contract itself, for that one
 * part of it. By index and without constraints, which would have every schema of a task compared with zod's base type.
 */

type Of<T, Name> = T[Name & keyof T];

/** What a sender gives for a member of a shape. */
export type PartInput<Shape, Name> = Of<Of<Of<Shape, Name>, "_zod">, "input">;
/** What a receiver gets for a member of a shape. */
export type PartOutput<Shape, Name> = Of<Of<Of<Shape, Name>, "_zod">, "output">;

/** What a caller gives for a parameter. */
export type ParamInput<T, Name extends string> = PartInput<Of<T, "params">, Name>;
/** What a handler gets for a parameter. */
export type ParamOutput<T, Name extends string> = PartOutput<Of<T, "params">, Name>;
/** What a handler gets for all parameters, where the contract alone knows which there are. */
export type ParamsOutput<T> = Parsed<Of<T, "params">>;
/** What a handler returns. */
export type ResultInput<T> = PartInput<T, "result">;
/** What a caller gets. */
export type ResultOutput<T> = PartOutput<T, "result">;
/** What a handler gives as a declared error's data. */
export type ErrorInput<T, Name extends string> = PartInput<Of<T, "errors">, Name>;
/** What a caller reads as a declared error's data. */
export type ErrorOutput<T, Name extends string> = PartOutput<Of<T, "errors">, Name>;
/** The data of all declared errors as a handler gives it, where the contract alone knows which there are. */
export type ErrorsInput<T> = InputsOf<Of<T, "errors">>;
/** The data of all declared errors as a caller reads it, likewise. */
export type ErrorsOutput<T> = OutputsOf<Of<T, "errors">>;
/** What a handler gives as progress. */
export type ProgressInput<T> = ProgressOf<Of<T, "progress">, "input">;
/** What a caller reads as progress. */
export type ProgressOutput<T> = ProgressOf<Of<T, "progress">, "output">;

type OptionalOut = { readonly _zod: { readonly optout: "optional" } };

type Parsed<Params> = Flat<
  { -readonly [Name in keyof Params as Params[Name] extends OptionalOut ? never : Name]: PartOutput<Params, Name> } & {
    -readonly [Name in keyof Params as Params[Name] extends OptionalOut ? Name : never]?: PartOutput<Params, Name>;
  }
>;
type Flat<T> = { [Name in keyof T]: T[Name] };

type InputsOf<Errors> = { -readonly [Name in keyof Errors]: PartInput<Errors, Name> };
type OutputsOf<Errors> = { -readonly [Name in keyof Errors]: PartOutput<Errors, Name> };
type ProgressOf<S, Side extends "input" | "output"> = S extends undefined ? DefaultProgress : Of<Of<S, "_zod">, Side>;
