import { placeOf, type Source, ts } from "./read.ts";
import type { Place } from "./diagnostic.ts";

/** A call such as `implementMath({ … })`: which handlers it has, and where more would go. */
export interface HandlersSyntax {
  readonly at: Place;
  readonly names: ReadonlySet<string>;
  /** Whether it spreads other objects, whose names the text doesn't show. */
  readonly hasSpread: boolean;
  /** Where a comma is missing behind the last handler. */
  readonly comma: number | undefined;
  /** Behind the last thing in the object, a comment included. */
  readonly end: number;
  /** Whether the closing brace stands in the same line as that. */
  readonly closesInLine: boolean;
  /** What the lines of handlers begin with. */
  readonly indent: string;
  /** What the line of the closing brace begins with, or would. */
  readonly outerIndent: string;
}

/** How a file is written. */
export interface FileStyle {
  readonly newline: "\n" | "\r\n";
  readonly quote: '"' | "'";
  readonly semicolon: ";" | "";
  /** One step of indentation. */
  readonly step: string;
}

/** The calls of a function by that name that are given an object. */
export function handlerCalls(source: Source, callee: string, style: FileStyle): readonly HandlersSyntax[] {
  const found: HandlersSyntax[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === callee) {
      const [handlers] = node.arguments;
      if (handlers !== undefined && ts.isObjectLiteralExpression(handlers))
        found.push(readHandlers(source, handlers, style));
    }
    ts.forEachChild(node, visit);
  };
  visit(source.tree);
  return found;
}

/** Whether the `partial` of a function by that name is called: the handlers that are missing there are meant to be. */
export function isCalledInPart(source: Source, callee: string): boolean {
  const isPartial = ({ expression }: ts.CallExpression): boolean =>
    ts.isPropertyAccessExpression(expression) &&
    expression.name.text === "partial" &&
    ts.isIdentifier(expression.expression) &&
    expression.expression.text === callee;
  const visit = (node: ts.Node): boolean =>
    (ts.isCallExpression(node) && isPartial(node)) || (ts.forEachChild(node, visit) ?? false);
  return visit(source.tree);
}

function readHandlers(source: Source, object: ts.ObjectLiteralExpression, style: FileStyle): HandlersSyntax {
  const { text } = source.tree;
  const { properties } = object;
  const brace = object.getEnd() - 1;
  const last = properties.at(-1);
  const afterLast = last === undefined ? object.getStart(source.tree) + 1 : properties.end;
  const end = lastCommentEnd(text, afterLast, brace);
  const outerIndent = indentAt(text, object.getStart(source.tree));
  const isBroken = last !== undefined && /[\r\n]\s*$/.test(text.slice(0, last.getStart(source.tree)));
  return {
    at: placeOf(source, object),
    names: new Set(properties.flatMap((property) => nameOf(property))),
    hasSpread: properties.some((property) => ts.isSpreadAssignment(property)),
    comma: last === undefined || properties.hasTrailingComma ? undefined : last.getEnd(),
    end,
    closesInLine: !/[\r\n]/.test(text.slice(end, brace)),
    indent: isBroken ? indentAt(text, last.getStart(source.tree)) : outerIndent + style.step,
    outerIndent,
  };
}

function nameOf(property: ts.ObjectLiteralElementLike): readonly string[] {
  const { name } = property;
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? [name.text] : [];
}

/** The end of the last comment between two offsets that nothing but comments and blanks is between. */
function lastCommentEnd(text: string, start: number, end: number): number {
  const comments = [
    ...(ts.getTrailingCommentRanges(text, start) ?? []),
    ...(ts.getLeadingCommentRanges(text, start) ?? []),
  ];
  return Math.max(start, ...comments.map((comment) => comment.end).filter((commentEnd) => commentEnd <= end));
}

function indentAt(text: string, offset: number): string {
  const lineStart = Math.max(text.lastIndexOf("\n", offset - 1), text.lastIndexOf("\r", offset - 1)) + 1;
  return /^\uFEFF?([ \t]*)/.exec(text.slice(lineStart))?.[1] ?? "";
}

/** How a file is written, by what there is of it. */
export function styleOf(source: Source): FileStyle {
  const { text, statements } = source.tree;
  const first = statements.find((statement) => ts.isImportDeclaration(statement));
  return {
    newline: /\r?\n/.exec(text)?.[0] === "\r\n" ? "\r\n" : "\n",
    quote: first?.moduleSpecifier.getText(source.tree).startsWith("'") === true ? "'" : '"',
    semicolon: first?.getText(source.tree).endsWith(";") === false ? "" : ";",
    step: /^(\t| {2,})[^\s*]/m.exec(text)?.[1] ?? "  ",
  };
}

/** Behind the last import of a file, or at its start. */
export function importsEnd(source: Source): number {
  return source.tree.statements.findLast((statement) => ts.isImportDeclaration(statement))?.getEnd() ?? 0;
}

/** Whether a file imports or declares a name. */
export function hasName(source: Source, name: string): boolean {
  return source.tree.statements.some((statement) => {
    if (!ts.isImportDeclaration(statement)) return false;
    const bindings = statement.importClause?.namedBindings;
    return (
      bindings !== undefined &&
      ts.isNamedImports(bindings) &&
      bindings.elements.some((element) => element.name.text === name)
    );
  });
}
