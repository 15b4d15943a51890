/** A TypeScript type, as plain data: what a schema is turned into before it becomes text. */
export type Type =
  /** A name or a literal, ready to print: `string`, `Date`, `"red"`. */
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "array"; readonly element: Type; readonly isReadonly: boolean }
  | {
      readonly kind: "tuple";
      readonly items: readonly TupleItem[];
      readonly rest: Type | undefined;
      readonly isReadonly: boolean;
    }
  | {
      readonly kind: "object";
      readonly properties: readonly Property[];
      readonly index: Type | undefined;
      readonly isReadonly: boolean;
    }
  /** `Map<string, number>`. */
  | { readonly kind: "generic"; readonly name: string; readonly of: readonly Type[] }
  | { readonly kind: "union"; readonly members: readonly Type[] }
  | { readonly kind: "intersection"; readonly members: readonly Type[] }
  /** A template literal, its texts as they are and its types between them. */
  | { readonly kind: "template"; readonly parts: readonly (string | Type)[] };

/** One place in a tuple. */
export interface TupleItem {
  readonly type: Type;
  readonly isOptional: boolean;
}

/** One property of an object. */
export interface Property extends TupleItem {
  readonly name: string;
}

/** A name or a literal. */
export function word(text: string): Type {
  return { kind: "word", text };
}

/**
 * `A | B`, flat, each member once, in the order in which they came.
 *
 * Undefined where a member that is made of objects comes twice: whether TypeScript takes the two for one depends on where
 * they come from, which a schema doesn't show.
 */
export function unionOf(members: readonly Type[]): Type | undefined {
  const unique = new Map<string, Type>();
  for (const member of members.flatMap((type) => (type.kind === "union" ? type.members : [type]))) {
    const text = typeText(member);
    if (unique.has(text) && !isOneOfAKind(member)) return undefined;
    if (text !== "never") unique.set(text, member);
  }
  const [first, ...others] = unique.values();
  if (first === undefined) return word("never");
  return others.length === 0 ? first : { kind: "union", members: [first, ...others] };
}

/** Whether there is but one type of that text for TypeScript, wherever it stands. */
function isOneOfAKind(type: Type): boolean {
  switch (type.kind) {
    case "word":
    case "template":
      return true;
    case "object":
      return false;
    case "array":
      return isOneOfAKind(type.element);
    case "tuple":
      return (
        type.items.every((item) => isOneOfAKind(item.type)) && (type.rest === undefined || isOneOfAKind(type.rest))
      );
    case "generic":
      return type.of.every(isOneOfAKind);
    case "union":
    case "intersection":
      return type.members.every(isOneOfAKind);
  }
}

/** Whether a type is that very word. */
export function isWord(type: Type, text: string): boolean {
  return type.kind === "word" && type.text === text;
}

/** The type without `undefined`, as `T extends undefined ? never : T` has it. */
export function withoutUndefined(type: Type): Type {
  if (type.kind !== "union") return isWord(type, "undefined") ? word("never") : type;
  const members = type.members.filter((member) => !isWord(member, "undefined"));
  const [only] = members;
  return only !== undefined && members.length === 1 ? only : { kind: "union", members };
}

/**
 * The type as `.readonly()` makes it: one level deep, unions member by member.
 *
 * Undefined where zod's own rule gives a type that has no plain name, as for `any` or a map that is read-only already.
 */
export function readonlyOf(type: Type): Type | undefined {
  switch (type.kind) {
    case "word":
      return ["any", "unknown"].includes(type.text) ? undefined : type;
    case "template":
      return type;
    case "array":
      return { ...type, isReadonly: true };
    case "tuple": {
      const [first] = type.items;
      if (first === undefined) return { kind: "array", element: type.rest ?? word("never"), isReadonly: true };
      return first.isOptional ? undefined : { ...type, isReadonly: true };
    }
    case "object":
      return { ...type, isReadonly: true };
    case "generic":
      if (type.name === "Map" || type.name === "Set") return { ...type, name: `Readonly${type.name}` };
      return type.name === "Record" || type.name === "Partial"
        ? { kind: "generic", name: "Readonly", of: [type] }
        : undefined;
    case "union": {
      const members = type.members.map(readonlyOf);
      return members.includes(undefined) ? undefined : unionOf(members as readonly Type[]);
    }
    case "intersection":
      return undefined;
  }
}

/** The type as TypeScript writes it, on one line. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case "word":
      return type.text;
    case "array":
      return `${type.isReadonly ? "readonly " : ""}${operandText(type.element)}[]`;
    case "tuple":
      return `${type.isReadonly ? "readonly " : ""}[${tupleTexts(type.items, type.rest).join(", ")}]`;
    case "object": {
      const readonly = type.isReadonly ? "readonly " : "";
      const members = type.properties.map(
        ({ name, isOptional, type: of }) => `${readonly}${propertyName(name)}${isOptional ? "?" : ""}: ${typeText(of)}`,
      );
      if (type.index !== undefined) members.push(`${readonly}[key: string]: ${typeText(type.index)}`);
      return members.length === 0 ? "{}" : `{ ${members.join("; ")} }`;
    }
    case "generic":
      return `${type.name}<${type.of.map(typeText).join(", ")}>`;
    case "union":
      return type.members
        .map((member) => (member.kind === "intersection" ? `(${typeText(member)})` : typeText(member)))
        .join(" | ");
    case "intersection":
      return type.members.map(operandText).join(" & ");
    case "template":
      return `\`${type.parts.map((part) => (typeof part === "string" ? templateText(part) : `\${${typeText(part)}}`)).join("")}\``;
  }
}

/** A type where an operator follows or precedes it. */
function operandText(type: Type): string {
  const isCompound = type.kind === "union" || type.kind === "intersection";
  const isOperator = (type.kind === "array" || type.kind === "tuple") && type.isReadonly;
  return isCompound || isOperator ? `(${typeText(type)})` : typeText(type);
}

function tupleTexts(items: readonly TupleItem[], rest: Type | undefined): readonly string[] {
  const texts = items.map(({ type, isOptional }) => (isOptional ? `${operandText(type)}?` : typeText(type)));
  return rest === undefined ? texts : [...texts, `...${operandText(rest)}[]`];
}

/** A property's name, quoted where it is no identifier. */
export function propertyName(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : stringText(name);
}

/** A string literal. */
export function stringText(value: string): string {
  return JSON.stringify(value);
}

function templateText(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("`", "\\`").replaceAll("${", "\\${");
}
