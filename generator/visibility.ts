import type { Module, Modules } from "./module.ts";
import { narrowsNothing } from "./narrowing.ts";
import { ts } from "./read.ts";
import { createResolution, isAsConst, literalIn, memberName, nameText, type Resolved } from "./resolution.ts";
import {
  type ArgumentKind,
  type ArgumentKinds,
  literalMembers,
  passesOptionality,
  schemaMembers,
  schemaMethods,
  zodFunctions,
} from "./zod-arguments.ts";

/*
 * A schema at run time does not show all of its type: `.brand<"Id">()` leaves no trace, an annotation or a cast hides
 * what is behind it, `.refine((v) => v === "x")` narrows (TypeScript infers the predicate), and `z.literal(kind())` has
 * the type that `kind` returns. Where the text of a schema says, or may say, more than its value, its type is not
 * printed but read from the contract.
 *
 * So this is a list of what is known to hide nothing. Anything else hides: a type that points at the contract is
 * still the right one, a printed one that was guessed need not be.
 */

/** How much of a schema's type its value shows: `"optionality"` is whether it may be left out, and no more. */
export type Sight = "all" | "optionality" | "nothing";

/** What is looked at: the parts of a task, the task itself, and what its functions take. */
export type PartKind = ArgumentKind | "definition";

/** Tells how much of their types schemas show at run time. */
export interface Visibility {
  /** How much the value of an expression that stands in a module shows. */
  sight(module: Module, expression: ts.Node, kind: PartKind): Sight;
}

/** Names of functions around an expression; those that are known stand for what shows its type. */
type Locals = ReadonlyMap<string, ArgumentKind | undefined>;

const noLocals: Locals = new Map();

/** Sees through modules, each of which may import schemas of others. */
export function createVisibility(modules: Modules): Visibility {
  const resolution = createResolution(modules);
  const seen = new Map<ts.Node, Map<PartKind, Sight>>();

  /** Of what a name stands for: looked at where it is declared, once. */
  function resolvedSight(resolved: Resolved | undefined, kind: PartKind): Sight {
    if (resolved?.kind !== "expression") return "nothing";
    const { module, node, isConstant } = resolved;
    const isLiteral = kind === "literal" || kind === "constant";
    if (isLiteral && isConstant) return literalSight(module, node, true, noLocals);
    const known = seen.get(node) ?? new Map<PartKind, Sight>();
    seen.set(node, known);
    const before = known.get(kind);
    if (before !== undefined) return before;
    // All while it is being looked at. A schema that leads back to itself is never printed, whatever this says.
    known.set(kind, "all");
    const result = isLiteral ? literalSight(module, node, false, noLocals) : sight(module, node, kind, noLocals);
    known.set(kind, result);
    return result;
  }

  function sight(module: Module, node: ts.Node, kind: PartKind, locals: Locals): Sight {
    if (ts.isParenthesizedExpression(node)) return sight(module, node.expression, kind, locals);
    switch (kind) {
      case "value":
        return "all";
      case "literal":
        return literalSight(module, node, true, locals);
      case "constant":
        return literalSight(module, node, false, locals);
      case "mask":
        return maskSight(module, node, locals);
      case "thunk":
        return isFunction(node) && node.parameters.length === 0 ? bodySight(module, node, "schema", locals) : "nothing";
      case "class":
        return isGlobalClass(module, node, locals) ? "all" : "optionality";
      case "rest":
        return ts.isObjectLiteralExpression(node) ? "all" : sight(module, node, "schema", locals);
      case "catchall":
        return ts.isCallExpression(node) && !mentions(module, node, "never")
          ? sight(module, node, "schema", locals)
          : "optionality";
      case "definition":
      case "shape":
        if (ts.isObjectLiteralExpression(node)) return objectSight(module, node, kind, locals);
        break;
      case "list":
      case "parts":
        if (ts.isArrayLiteralExpression(node)) return arraySight(module, node, kind, locals);
        break;
      case "schema":
      case "apply":
        break;
    }
    return expressionSight(module, node, kind, locals);
  }

  /** Of what may give a schema, a shape or a list: a name, a member, a call. */
  function expressionSight(module: Module, node: ts.Node, kind: PartKind, locals: Locals): Sight {
    if (ts.isSatisfiesExpression(node)) {
      // What it is to satisfy may choose the type arguments that nothing else does.
      return mentions(module, node, "coerce") ? "nothing" : sight(module, node.expression, kind, locals);
    }
    if (isAsConst(node)) return sight(module, node.expression, kind, locals);
    if (ts.isIdentifier(node)) {
      if (locals.has(node.text)) return locals.get(node.text) === "schema" ? "all" : "nothing";
      const resolved = resolution.of(module, node);
      // `const schemas = [a, b]` forgets which of them comes first.
      if (kind === "list" || kind === "parts")
        return isConstantArray(resolved) ? resolvedSight(resolved, kind) : "nothing";
      return resolvedSight(resolved, kind);
    }
    if (ts.isCallExpression(node)) return callSight(module, node, kind, locals);
    const name = memberName(node);
    return name === undefined ? "nothing" : memberSight(module, node as Member, name, kind, locals);
  }

  function memberSight(module: Module, node: Member, name: string, kind: PartKind, locals: Locals): Sight {
    const object = node.expression;
    if (!startsInLocal(object, locals)) {
      const resolved = resolution.of(module, node);
      if (resolved !== undefined) return resolvedSight(resolved, kind);
    }
    if (memberName(object) === "shape") return sight(module, (object as Member).expression, "schema", locals);
    if (schemaMembers.has(name)) return sight(module, object, "schema", locals);
    // A property of a shape that is spread together.
    return kind === "schema" ? sight(module, object, "shape", locals) : "nothing";
  }

  function objectSight(
    module: Module,
    node: ts.ObjectLiteralExpression,
    kind: "definition" | "shape",
    locals: Locals,
  ): Sight {
    return least(node.properties, (property) => {
      if (ts.isSpreadAssignment(property)) return sight(module, property.expression, kind, locals);
      const name = propertyName(module, property, locals);
      if (name === undefined || name === "__proto__") return "nothing";
      const part = kind === "shape" ? "schema" : partKindOf(name);
      if (part === "value") return "all";
      if (ts.isPropertyAssignment(property)) return sight(module, property.initializer, part, locals);
      if (ts.isShorthandPropertyAssignment(property)) return sight(module, property.name, part, locals);
      return ts.isGetAccessorDeclaration(property) ? bodySight(module, property, part, locals) : "nothing";
    });
  }

  function arraySight(module: Module, node: ts.ArrayLiteralExpression, kind: "list" | "parts", locals: Locals): Sight {
    return least(node.elements, (element) => {
      if (ts.isSpreadElement(element)) return sight(module, element.expression, kind, locals);
      const asLiteral = kind === "parts" ? literalSight(module, element, true, locals) : "nothing";
      return asLiteral === "all" ? "all" : sight(module, element, "schema", locals);
    });
  }

  /** @param keeps - whether TypeScript infers the literals in an array or an object that stands here */
  function literalSight(module: Module, node: ts.Node, keeps: boolean, locals: Locals): Sight {
    const inner = (child: ts.Node): Sight => literalSight(module, child, keeps, locals);
    if (ts.isParenthesizedExpression(node)) return inner(node.expression);
    if (isAsConst(node)) return literalSight(module, node.expression, true, locals);
    if (ts.isSatisfiesExpression(node)) return literalSight(module, node.expression, false, locals);
    if (isPlainLiteral(node)) return "all";
    if (ts.isPrefixUnaryExpression(node)) return isSigned(node) ? "all" : "optionality";
    if (ts.isArrayLiteralExpression(node) && keeps)
      return least(node.elements, (element) => inner(ts.isSpreadElement(element) ? element.expression : element));
    if (ts.isObjectLiteralExpression(node) && keeps)
      return least(node.properties, (property) => entrySight(module, property, inner));
    if (ts.isIdentifier(node)) {
      if (locals.has(node.text)) return locals.get(node.text) === "literal" ? "all" : "optionality";
      if (isWordForValue(module, node.text)) return "all";
      return atLeastOptional(resolvedSight(resolution.of(module, node), "literal"));
    }
    const name = memberName(node);
    if (name === undefined) return "optionality";
    const object = (node as Member).expression;
    const resolved = startsInLocal(object, locals) ? undefined : resolution.of(module, node);
    if (resolved !== undefined) {
      const isWidened = resolved.kind === "expression" && resolved.isWidened;
      return isWidened ? "optionality" : atLeastOptional(resolvedSight(resolved, "literal"));
    }
    const schema = memberName(object) === "enum" ? (object as Member).expression : object;
    return (schema !== object || literalMembers.has(name)) && sight(module, schema, "schema", locals) === "all"
      ? "all"
      : "optionality";
  }

  function entrySight(module: Module, property: ts.ObjectLiteralElementLike, inner: (node: ts.Node) => Sight): Sight {
    if (ts.isSpreadAssignment(property)) return inner(property.expression);
    const name = propertyName(module, property, noLocals);
    // Numbers among the names are taken for the way back from an enum's values.
    if (name === undefined || name === "__proto__" || !Number.isNaN(Number(name))) return "optionality";
    if (ts.isShorthandPropertyAssignment(property)) return inner(property.name);
    return ts.isPropertyAssignment(property) ? inner(property.initializer) : "optionality";
  }

  function maskSight(module: Module, node: ts.Node, locals: Locals): Sight {
    if (ts.isIdentifier(node) && !locals.has(node.text)) {
      const resolved = resolution.of(module, node);
      if (resolved?.kind !== "expression" || !literalIn(resolved.node).isConstant) return "optionality";
      return maskSight(resolved.module, literalIn(resolved.node).literal ?? resolved.node, noLocals);
    }
    if (isAsConst(node)) return maskSight(module, node.expression, locals);
    if (!ts.isObjectLiteralExpression(node)) return "optionality";
    return least(node.properties, (property) =>
      ts.isPropertyAssignment(property) &&
      nameText(property.name) !== undefined &&
      property.initializer.kind === ts.SyntaxKind.TrueKeyword
        ? "all"
        : "optionality",
    );
  }

  function callSight(module: Module, node: ts.CallExpression, kind: PartKind, locals: Locals): Sight {
    const callee = node.expression;
    if (node.questionDotToken !== undefined) return "nothing";
    const resolved = startsInLocal(callee, locals) ? undefined : resolution.of(module, callee);
    if (resolved?.kind === "zod") {
      const kinds = zodFunctions.get(resolved.path);
      if (kinds === undefined) return "nothing";
      return callOf(module, node, lastWord(resolved.path), kinds, "all", locals);
    }
    if (resolved?.kind === "taskpact") {
      const [definition] = node.arguments;
      return definition === undefined ? "nothing" : sight(module, definition, "definition", locals);
    }
    if (resolved?.kind === "function") {
      // What an array of a function's own is made of, TypeScript forgets.
      if (kind === "list" || kind === "parts" || node.typeArguments !== undefined) return "nothing";
      return functionSight(module, node, resolved, kind, locals);
    }
    if (resolved !== undefined || !ts.isPropertyAccessExpression(callee) || callee.questionDotToken !== undefined)
      return "nothing";
    const method = callee.name.text;
    const before = sight(module, callee.expression, "schema", locals);
    if (method === "brand") return lesser(before, "optionality");
    const kinds = schemaMethods.get(method);
    return kinds === undefined ? "nothing" : callOf(module, node, method, kinds, before, locals);
  }

  /** Of a call that gives a schema. Its own function says whether that may be left out, or what it is given does. */
  function callOf(
    module: Module,
    node: ts.CallExpression,
    name: string,
    kinds: ArgumentKinds,
    before: Sight,
    locals: Locals,
  ): Sight {
    const given = least(node.arguments, (argument, index) => {
      if (ts.isSpreadElement(argument)) return index < kinds.length ? "nothing" : "all";
      const kind = kinds[index] ?? "value";
      return kind === "apply" ? appliedSight(module, argument, locals) : sight(module, argument, kind, locals);
    });
    const [check] = node.arguments;
    const isPlain =
      node.typeArguments === undefined && !(name === "refine" && check !== undefined && !narrowsNothing(check));
    return lesser(
      before,
      passesOptionality.has(name) ? given : atLeastOptional(given),
      isPlain ? "all" : "optionality",
    );
  }

  function appliedSight(module: Module, node: ts.Node, locals: Locals): Sight {
    if (!isFunction(node)) return "nothing";
    const [parameter] = node.parameters;
    // What it is applied to has been looked at before.
    const isKnown = parameter !== undefined && parameter.type === undefined && ts.isIdentifier(parameter.name);
    return bodySight(module, node, "schema", locals, new Map(isKnown ? [[parameter.name.getText(), "schema"]] : []));
  }

  /** Of what a user's function gives. Parameters whose types are type parameters of their own keep what they are given. */
  function functionSight(
    module: Module,
    call: ts.CallExpression,
    called: Resolved & { readonly kind: "function" },
    kind: PartKind,
    locals: Locals,
  ): Sight {
    const { node } = called;
    const own = new Map<string, ArgumentKind>();
    const given = least(node.parameters, (parameter, index) => {
      const argument = call.arguments[index];
      const type = genericKind(node, parameter);
      if (type === undefined) return "all";
      if (argument === undefined || call.arguments.slice(0, index + 1).some(ts.isSpreadElement)) return "nothing";
      own.set(parameter.name.getText(), type);
      if (type === "literal") return isScalar(argument) ? literalSight(module, argument, false, locals) : "nothing";
      const isShape = ts.isObjectLiteralExpression(argument);
      return sight(module, argument, isShape ? "shape" : "schema", locals);
    });
    return lesser(given, bodySight(called.module, node, kind, noLocals, own));
  }

  /** Of what a function without an annotation returns; of its parameters, those that are given are known. */
  function bodySight(
    module: Module,
    node: ts.FunctionLikeDeclaration,
    kind: PartKind,
    around: Locals,
    given: Locals = noLocals,
  ): Sight {
    const isAsync = (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Async) !== 0;
    if (node.type !== undefined || node.body === undefined || isAsync || node.asteriskToken !== undefined)
      return "nothing";
    const names = node.parameters.flatMap(({ name }) => namesIn(name));
    const own = new Map([...around, ...names.map((name) => [name, given.get(name)] as const)]);
    const expression = returned(node.body);
    return expression === undefined ? "nothing" : sight(module, expression, kind, own);
  }

  function propertyName(module: Module, property: ts.ObjectLiteralElementLike, locals: Locals): string | undefined {
    const { name } = property;
    if (name === undefined || ts.isPrivateIdentifier(name)) return undefined;
    if (!ts.isComputedPropertyName(name)) return nameText(name);
    const isKnown = literalSight(module, name.expression, false, locals) === "all";
    return isKnown ? `[${name.expression.getText()}]` : undefined;
  }

  /** Whether a call in an expression may be one of zod's of that name. */
  function mentions(module: Module, node: ts.Node, name: string): boolean {
    if (ts.isIdentifier(node)) {
      const binding = module.bindings.get(node.text);
      return node.text === name || (binding?.kind === "import" && binding.name === name);
    }
    return ts.forEachChild(node, (child) => mentions(module, child, name) || undefined) ?? false;
  }

  return { sight: (module, node, kind) => sight(module, node, kind, noLocals) };
}

type Member = ts.PropertyAccessExpression | ts.ElementAccessExpression;

const order: readonly Sight[] = ["nothing", "optionality", "all"];

/** The least that one of them shows. */
function lesser(...sights: readonly Sight[]): Sight {
  return order.find((sight) => sights.includes(sight)) ?? "all";
}

function least<T>(items: readonly T[], sightOf: (item: T, index: number) => Sight): Sight {
  return lesser(...items.map(sightOf));
}

/** Of what is made by a function that says itself whether it may be left out. */
function atLeastOptional(sight: Sight): Sight {
  return sight === "nothing" ? "optionality" : sight;
}

/** What the parts of a task are; all else that it declares leaves no trace in its types. */
export function partKindOf(name: string): PartKind {
  if (name === "params" || name === "errors") return "shape";
  return name === "result" || name === "progress" ? "schema" : "value";
}

/** What a generic parameter's arguments are, if their types are kept; each type parameter is that of one parameter. */
function genericKind(node: ts.FunctionLikeDeclaration, parameter: ts.ParameterDeclaration): ArgumentKind | undefined {
  const name = parameter.type?.getText();
  const own = node.typeParameters?.find((candidate) => candidate.name.text === name);
  const isAlone = node.parameters.filter((other) => other.type?.getText() === name).length === 1;
  const isPlain =
    parameter.dotDotDotToken === undefined &&
    parameter.questionToken === undefined &&
    parameter.initializer === undefined &&
    ts.isIdentifier(parameter.name);
  if (own === undefined || !isAlone || !isPlain) return undefined;
  return own.constraint !== undefined && scalarTypes.has(own.constraint.kind) ? "literal" : "schema";
}

const scalarTypes: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.StringKeyword,
  ts.SyntaxKind.NumberKeyword,
  ts.SyntaxKind.BooleanKeyword,
  ts.SyntaxKind.BigIntKeyword,
]);

function namesIn(name: ts.BindingName): readonly string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : namesIn(element.name)));
}

function startsInLocal(node: ts.Node, locals: Locals): boolean {
  if (ts.isIdentifier(node)) return locals.has(node.text);
  return memberName(node) !== undefined && startsInLocal((node as Member).expression, locals);
}

function isConstantArray(resolved: Resolved | undefined): boolean {
  return resolved?.kind === "expression" && literalIn(resolved.node).isConstant;
}

/** A class of every program, as in `z.instanceof(Uint8Array)`. */
function isGlobalClass(module: Module, node: ts.Node, locals: Locals): boolean {
  return (
    ts.isIdentifier(node) &&
    !locals.has(node.text) &&
    !module.bindings.has(node.text) &&
    typeof Reflect.get(globalThis, node.text) === "function"
  );
}

function isWordForValue(module: Module, name: string): boolean {
  return (name === "undefined" || name === "NaN" || name === "Infinity") && !module.bindings.has(name);
}

type FunctionExpression = ts.ArrowFunction | ts.FunctionExpression;

function isFunction(node: ts.Node): node is FunctionExpression {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node);
}

function isPlainLiteral(node: ts.Node): boolean {
  if (ts.isNumericLiteral(node)) return Number.isFinite(Number(node.text));
  return (
    ts.isStringLiteralLike(node) ||
    ts.isBigIntLiteral(node) ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword ||
    node.kind === ts.SyntaxKind.NullKeyword
  );
}

/** `-1`, `+1` and `-1n` are literals; with any other operator, or before anything else, it is a calculation. */
function isSigned({ operator, operand }: ts.PrefixUnaryExpression): boolean {
  const isMinus = operator === ts.SyntaxKind.MinusToken;
  if (ts.isBigIntLiteral(operand)) return isMinus;
  return (isMinus || operator === ts.SyntaxKind.PlusToken) && ts.isNumericLiteral(operand) && isPlainLiteral(operand);
}

function isScalar(node: ts.Node): boolean {
  return !ts.isArrayLiteralExpression(node) && !ts.isObjectLiteralExpression(node);
}

function lastWord(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

/** The expression that a function's body returns, if it does just that. */
function returned(body: ts.ConciseBody): ts.Node | undefined {
  if (!ts.isBlock(body)) return body;
  const [only] = body.statements;
  return body.statements.length === 1 && only !== undefined && ts.isReturnStatement(only) ? only.expression : undefined;
}
