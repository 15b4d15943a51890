import { dirname, resolve, sep } from "node:path";
import { type Diagnostic, type Place, startOf, warningAt } from "./diagnostic.ts";
import type { Module, Modules } from "./module.ts";
import { placeOf, syntaxErrors, ts } from "./read.ts";
import { packageName } from "./symbols.ts";
import { isZod, type Visibility } from "./visibility.ts";

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
  /** By {@link partName}: where it stands, and whether its value shows its whole type. */
  readonly parts: ReadonlyMap<string, PartSyntax>;
  /** For parts that stand nowhere by themselves: `params: shared`. */
  readonly rest: PartSyntax;
}

/** What the text tells of a schema. */
export interface PartSyntax {
  readonly at: Place;
  readonly shows: boolean;
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
      rest: { at, shows: false },
    };
  }
  const { initializer, type } = binding.node;
  const read = (node: ts.Node): PartSyntax => ({
    at: placeOf(module.source, node),
    shows: type === undefined && visibility.shows(module, node),
  });
  const definition = initializer && definitionIn(initializer, module);
  return {
    at,
    doc: docOf(module, binding.statement),
    isOwn: true,
    parts: definition === undefined ? new Map() : partsOf(definition, read),
    // Made by a function of the user's own, whose call says as much of the types as can be seen.
    rest: initializer === undefined ? { at, shows: false } : { ...read(definition ?? initializer), at },
  };
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

function partsOf(definition: ts.ObjectLiteralExpression, read: (node: ts.Node) => PartSyntax): Map<string, PartSyntax> {
  const parts = new Map<string, PartSyntax>();
  for (const [group, node] of membersOf(definition)) {
    if (!groups.has(group)) continue;
    parts.set(group, read(node));
    if ((group !== "params" && group !== "errors") || !ts.isObjectLiteralExpression(node)) continue;
    for (const [member, value] of membersOf(node)) parts.set(partName(group, member), read(value));
  }
  return parts;
}

function* membersOf(object: ts.ObjectLiteralExpression): Iterable<readonly [string, ts.Node]> {
  for (const property of object.properties) {
    if (ts.isShorthandPropertyAssignment(property)) yield [property.name.text, property.name];
    if (!ts.isPropertyAssignment(property)) continue;
    const { name } = property;
    if (ts.isIdentifier(name) || ts.isStringLiteral(name) || ts.isNumericLiteral(name))
      yield [name.text, property.initializer];
  }
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
