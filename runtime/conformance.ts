import type {
  ErrorsInput,
  ErrorsOutput,
  ParamsOutput,
  ProgressInput,
  ProgressOutput,
  ResultInput,
  ResultOutput,
  Signature,
} from "./signature.ts";

/*
 * The proof that printed types are those that zod infers. Generated `conformance.ts` files state it, a line a task; they
 * are compiled in checks and imported by nothing, so that no editor and no client pays for the inference.
 *
 * A check of 1,000 tasks is in a hurry. So parts are reached by index: a constraint (`extends Task<…>`) would have every
 * schema compared with zod's base type. And calls are compared as functions, which the generator spells out: a tuple of
 * parameters, made for each task anew, drags in every member of an array (four times the work of all else here).
 */

/**
 * `never`, which means proven: anything else names the part of a task whose printed type is another than zod's.
 *
 * @typeParam Declared - the task, `typeof contract.addition`.
 * @typeParam Printed - its signature.
 * @typeParam Call - the call that the contract infers.
 * @typeParam Omittable - the names of the parameters that callers may leave out.
 * @typeParam Unsure - the names of those that are left out of this: their types do not tell.
 */
export type Conformance<Declared, Printed, Call, Omittable = never, Unsure = never> =
  Printed extends Signature<infer PrintedCall, infer Given, infer Raised, infer Reported, infer Sends>
    ?
        | Difference<"what a caller gives and gets", PrintedCall, Call>
        | Difference<"what a caller may leave out", Omittable, Exclude<OmittableOf<Of<Declared, "params">>, Unsure>>
        | Difference<"what a handler gets", Given, ParamsOutput<Declared>>
        | Difference<"what a handler returns", Part<Sends, "result", ResultOutput<Declared>>, ResultInput<Declared>>
        | Difference<"errors, as a caller reads them", Raised, ErrorsOutput<Declared>>
        | Difference<"errors, as a handler makes them", Part<Sends, "errors", Raised>, ErrorsInput<Declared>>
        | Difference<"progress, as a caller reads it", Reported, ProgressOutput<Declared>>
        | Difference<"progress, as a handler gives it", Part<Sends, "progress", Reported>, ProgressInput<Declared>>
    : Mismatch<"the signature", Printed, "none: generate again">;

/** States that a {@link Conformance} holds. */
export type Proven<Holds extends never> = Holds;

/** A part of a task whose printed type is not the one that its contract infers: generate again. */
export interface Mismatch<Part extends string, Printed, Inferred> {
  readonly part: Part;
  readonly printed: Printed;
  readonly inferred: Inferred;
}

type Difference<Name extends string, Printed, Inferred> =
  Same<Printed, Inferred> extends true ? never : Mismatch<Name, Printed, Inferred>;

/** Whether two types are one and the same, not only assignable to each other. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

type Of<T, Name> = T[Name & keyof T];

type Part<Sends, Name extends string, Received> = Sends extends { readonly [P in Name]: infer Sent } ? Sent : Received;

type OptionalIn = { readonly _zod: { readonly optin: "optional" | "defaulted" } };

type OmittableOf<Params> = { [Name in keyof Params]: Params[Name] extends OptionalIn ? Name : never }[keyof Params];
