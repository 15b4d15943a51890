import { dirname, resolve, sep } from "node:path";
import { type Diagnostic, type Place, startOf, warningAt } from "./diagnostic.ts";
import type { Module, Modules } from "./module.ts";
import { placeOf, syntaxErrors, ts } from "./read.ts";
import { isZod, nameText } from "./resolution.ts";
import { packageName } from "./symbols.ts";
import { type PartKind, partKindOf, type Sight, type Visibility } from "./visibility.ts";

/** What a contract's text tells: names, docs, places, and which types its values will not show. */
export interface ContractSyntax {
  /** The first half of its tasks' names on the wire: `user-orders`. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  /** Below the project's folder: `contracts/user-orders.ts`. */
  readonly path: string;
  /** Every exported name that the text shows, a task's or not. */
  readonly exports: ReadonlyMap<string, ExportSyntax>;
  /** `export * from …`, for names that the text doesn't show. */
  readonly star: Place | undefined;
  readonly faults: readonly Diagnostic[];
}

/** What the text tells of one export. */
export interface ExportSyntax {
  readonly at: Place;
  /** Its doc comment, `/**` and all. */
  readonly doc: string | undefined;
  /** Whether it is declared here, or handed on from another module. */
  readonly isOwn: boolean;
  /** By {@link partName}: where it stands, and how much of its type its value shows. */
  readonly parts: ReadonlyMap<string, PartSyntax>;
  /** For parts that stand nowhere by themselves: `params: shared`. */
  readonly rest: PartSyntax;
}

/** What the text tells of a schema. */
export interface PartSyntax {
  readonly at: Place;
  readonly sight: Sight;
}

/** The parts of a task that are looked at: its schedule and its limits' keys, and those that have a schema: `params.a`, `result`, `errors.divisionByZero`, `progress`. */
export function partName(group: "params" | "errors", member: string): string {
  return `${group}.${member}`;
}

/** What the text says of a part, or of the whole that it is in. */
export function partOf(syntax: ExportSyntax, part: string): PartSyntax {
  return syntax.parts.get(part) ?? syntax.parts.get(part.replace(/\..*/s, "")) ?? syntax.rest;
}

/** Reads what a contract's text tells. */
export function readContract(
  contract: { readonly name: string; readonly folder: string },
  module: Module,
  modules: Modules,
  visibility: Visibility,
): ContractSyntax {
  const exports = new Map<string, ExportSyntax>();
  for (const name of module.exports.keys()) exports.set(name, readExport(name, module, visibility));
  const star = module.stars[0];
  return {
    name: contract.name,
    file: module.file,
    path: module.source.path,
    exports,
    star: star && placeOf(module.source, star.node),
    faults: [...syntaxErrors(module.source), ...foreignImports(module, modules, contract.folder)],
  };
}

function readExport(name: string, module: Module, visibility: Visibility): ExportSyntax {
  const site = module.exports.get(name);
  const binding = site?.specifier === undefined ? module.bindings.get(site?.local ?? name) : undefined;
  const at = site === undefined ? startOf(module.source.path) : placeOf(module.source, site.node);
  if (binding?.kind !== "variable") {
    return {
      at,
      doc: undefined,
      isOwn: binding !== undefined && binding.kind !== "import",
      parts: new Map(),
      rest: { at, sight: "nothing" },
    };
  }
  const { initializer, type } = binding.node;
  const read = (node: ts.Node, kind: PartKind): PartSyntax => ({
    at: placeOf(module.source, node),
    sight: type === undefined ? visibility.sight(module, node, kind) : "nothing",
  });
  const definition = initializer && definitionIn(initializer, module);
  return {
    at,
    doc: docOf(module, binding.statement),
    isOwn: true,
    parts: definition === undefined ? new Map() : partsOf(definition, read),
    // Made by a function of the user's own, whose call says as much of the types as can be seen.
    rest: initializer === undefined ? { at, sight: "nothing" } : { at, sight: restSight(initializer) },
  };

  function restSight(node: ts.Expression): Sight {
    if (definition === undefined || type !== undefined) return read(node, "schema").sight;
    return namesShow(definition) ? "optionality" : read(definition, "definition").sight;
  }
}

/** The object that is given to `task(…)`. */
function definitionIn(initializer: ts.Expression, module: Module): ts.ObjectLiteralExpression | undefined {
  if (!ts.isCallExpression(initializer) || initializer.typeArguments !== undefined) return undefined;
  const { expression, arguments: given } = initializer;
  const root = ts.isPropertyAccessExpression(expression) ? expression.expression : expression;
  const binding = ts.isIdentifier(root) ? module.bindings.get(root.text) : undefined;
  if (binding?.kind !== "import" || binding.specifier !== packageName) return undefined;
  return given[0] !== undefined && ts.isObjectLiteralExpression(given[0]) ? given[0] : undefined;
}

const groups: ReadonlySet<string> = new Set([
  "params",
  "result",
  "errors",
  "progress",
  "schedule",
  "concurrencyKey",
  "rateLimit",
]);

function partsOf(
  definition: ts.ObjectLiteralExpression,
  read: (node: ts.Node, kind: PartKind) => PartSyntax,
): Map<string, PartSyntax> {
  const parts = new Map<string, PartSyntax>();
  for (const { name: group, node, isLast } of membersOf(definition)) {
    // What is spread behind it may bring another one.
    if (!groups.has(group) || !isLast) continue;
    const whole = read(node, partKindOf(group));
    parts.set(group, whole);
    if ((group !== "params" && group !== "errors") || !ts.isObjectLiteralExpression(node)) continue;
    if (namesShow(node)) parts.set(group, { at: whole.at, sight: "optionality" });
    for (const member of membersOf(node)) {
      const { at, sight } = read(member.node, "schema");
      parts.set(partName(group, member.name), { at, sight: member.isLast ? sight : whole.sight });
    }
  }
  return parts;
}

/** Whether all members of an object stand in its text: their own sights are those that count. */
function namesShow({ properties }: ts.ObjectLiteralExpression): boolean {
  return properties.every(
    (property) =>
      (ts.isPropertyAssignment(property) && nameText(property.name) !== undefined) ||
      ts.isShorthandPropertyAssignment(property),
  );
}

interface Member {
  readonly name: string;
  readonly node: ts.Node;
  /** Whether nothing behind it can have its name. */
  readonly isLast: boolean;
}

function membersOf({ properties }: ts.ObjectLiteralExpression): readonly Member[] {
  const lastUnnamed = properties.findLastIndex(({ name }) => name === undefined || ts.isComputedPropertyName(name));
  return properties.flatMap((property, index): readonly Member[] => {
    const isLast = index > lastUnnamed;
    if (ts.isShorthandPropertyAssignment(property)) return [{ name: property.name.text, node: property.name, isLast }];
    if (!ts.isPropertyAssignment(property)) return [];
    const name = nameText(property.name);
    return name === undefined ? [] : [{ name, node: property.initializer, isLast }];
  });
}

/** The last doc comment above a statement. */
function docOf(module: Module, statement: ts.Statement): string | undefined {
  const { text } = module.source.tree;
  const comments = ts.getLeadingCommentRanges(text, statement.getFullStart()) ?? [];
  const docs = comments.map(({ pos, end }) => text.slice(pos, end)).filter((comment) => /^\/\*\*[^/]/.test(comment));
  return docs.at(-1)?.replaceAll("\r\n", "\n");
}

/** Contracts are imported by every client: what they import, each client imports. */
function foreignImports(module: Module, modules: Modules, folder: string): readonly Diagnostic[] {
  const isWithin = (file: string | undefined): boolean => file?.startsWith(resolve(folder) + sep) === true;
  const isAtHome = (specifier: string): boolean =>
    isZod(specifier) ||
    specifier === packageName ||
    // What a relative path means may not be there yet.
    (/^\.\.?\//.test(specifier)
      ? isWithin(resolve(dirname(module.file), specifier))
      : isWithin(modules.imported(module, specifier)?.file));
  return module.dependencies
    .filter(({ specifier }) => !isAtHome(specifier))
    .map(({ specifier, node }) =>
      warningAt(
        placeOf(module.source, node),
        `a contract imports "${specifier}", and with it does every client`,
        `a contract holds data and pure functions: import only ${packageName}, zod and files beside it`,
      ),
    );
}
