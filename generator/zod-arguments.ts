/*
 * What zod's functions and methods take that shows in the types of their schemas. What stands in no list here is not
 * known, and a schema made by it is not printed. A test holds the lists against the functions that zod has.
 */

/** What an argument is, and so what has to be known of it. */
export type ArgumentKind =
  /** It leaves no trace in the type: a message, a limit, a default. */
  | "value"
  | "schema"
  /** An object of schemas. */
  | "shape"
  /** An array of schemas. */
  | "list"
  /** A value whose own type becomes the schema's: `"a"`, `["a", "b"]`, `{ A: 1 }`. */
  | "literal"
  /** The same, where TypeScript infers the literals of constants alone. */
  | "constant"
  /** An array of literals and schemas. */
  | "parts"
  /** `{ a: true }`. */
  | "mask"
  /** A function without parameters that gives a schema. */
  | "thunk"
  /** A class of every program. */
  | "class"
  /** A schema, or else an object of options. */
  | "rest"
  /** A schema that must not be `never`, which leaves a strict object behind. */
  | "catchall"
  /** A function from the schema to another. */
  | "apply";

/** What is known of a function, by the places of its arguments; those after them are values. */
export type ArgumentKinds = readonly ArgumentKind[];

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function table(valuesOnly: string, typed: Readonly<Record<string, string>>): ReadonlyMap<string, ArgumentKinds> {
  return new Map([
    ...words(valuesOnly).map((name) => [name, []] as const),
    ...Object.entries(typed).map(([name, kinds]) => [name, words(kinds) as readonly ArgumentKind[]] as const),
  ]);
}

/** Functions of zod and of zod/mini, as in `z.array(…)`. */
export const zodFunctions: ReadonlyMap<string, ArgumentKinds> = table(
  `any base64 base64url bigint boolean cidrv4 cidrv6 creditCard cuid cuid2 currencyCode custom date e164 email emoji
   file float32 float64 guid hash hex hostname httpUrl iban int int32 int64 ipv4 ipv6 json jwt ksuid mac nan nanoid never
   null number string stringFormat stringbool symbol uint32 uint64 ulid undefined unknown url uuid uuidv4 uuidv6 uuidv7
   void xid
   iso.date iso.datetime iso.duration iso.time
   coerce.bigint coerce.boolean coerce.date coerce.number coerce.string`,
  {
    _default: "schema",
    array: "schema",
    catch: "schema",
    catchall: "schema catchall",
    codec: "schema schema",
    discriminatedUnion: "value list",
    enum: "literal",
    exactOptional: "schema",
    exactPartial: "schema mask",
    extend: "schema shape",
    instanceof: "class",
    intersection: "schema schema",
    keyof: "schema",
    lazy: "thunk",
    literal: "literal",
    looseObject: "shape",
    looseRecord: "schema schema",
    map: "schema schema",
    merge: "schema schema",
    nativeEnum: "constant",
    nonoptional: "schema",
    nullable: "schema",
    nullish: "schema",
    object: "shape",
    omit: "schema mask",
    optional: "schema",
    partial: "schema mask",
    partialRecord: "schema schema",
    pick: "schema mask",
    pipe: "schema schema",
    prefault: "schema",
    preprocess: "value schema",
    readonly: "schema",
    record: "schema schema",
    required: "schema mask",
    safeExtend: "schema shape",
    set: "schema",
    strictObject: "shape",
    success: "schema",
    templateLiteral: "parts",
    tuple: "list rest",
    union: "list",
    xor: "list",
  },
);

/** Methods of schemas that give schemas, as in `z.string().or(…)`. */
export const schemaMethods: ReadonlyMap<string, ArgumentKinds> = table(
  `array base64 base64url catch check cidrv4 cidrv6 cuid cuid2 date datetime default describe duration e164 email emoji
   endsWith exactOptional finite gt gte guid includes int ipv4 ipv6 jwt keyof ksuid length loose lowercase lt lte max
   meta mime min multipleOf nanoid negative nonempty nonnegative nonoptional nonpositive normalize nullable nullish
   optional overwrite passthrough positive prefault readonly refine regex register removeCatch removeDefault safe size
   slugify startsWith step strict strip superRefine time toLowerCase toUpperCase transform trim ulid unwrap uppercase url
   uuid uuidv4 uuidv6 uuidv7 with xid`,
  {
    and: "schema",
    apply: "apply",
    catchall: "catchall",
    exactPartial: "mask",
    exclude: "literal",
    extend: "shape",
    extract: "literal",
    merge: "schema",
    omit: "mask",
    or: "schema",
    partial: "mask",
    pick: "mask",
    pipe: "schema",
    required: "mask",
    rest: "schema",
    safeExtend: "shape",
  },
);

/** Members of schemas that are schemas, or shapes of them. */
export const schemaMembers: ReadonlySet<string> = new Set(
  words("def element in innerType keyType out shape valueType"),
);

/** Members of schemas that are the values of their literals. */
export const literalMembers: ReadonlySet<string> = new Set(words("enum options value"));

/** Functions whose schemas may be left out where those that they are given may be; all others say so themselves. */
export const passesOptionality: ReadonlySet<string> = new Set(
  words(
    "and apply catch codec discriminatedUnion intersection lazy nullable or pipe preprocess readonly success union xor",
  ),
);
