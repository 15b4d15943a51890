import type { Binding, Module, Modules } from "./module.ts";
import { narrowsNothing } from "./narrowing.ts";
import { ts } from "./read.ts";
import { packageName } from "./symbols.ts";

/*
 * A schema at run time does not show all of its type: `.brand<"Id">()` leaves no trace, an annotation or a cast hides
 * what is behind it, `.refine((v) => v === "x")` narrows (TypeScript infers the predicate). Where the text of a
 * schema says, or may say, more than its value, its type is not printed but read from the contract.
 *
 * So this is a list of what is known to hide nothing. Anything else hides: a type that points at the contract is
 * still the right one, a printed one that was guessed need not be.
 */

/** Tells whether schemas show their whole type at run time. */
export interface Visibility {
  /** Whether the value of an expression that stands in a module does. */
  shows(module: Module, expression: ts.Node): boolean;
}

/** Methods of schemas whose arguments are schemas, shapes or masks; those of all others say nothing of the type. */
const typedMethods = new Set(
  "and apply catchall exactPartial exclude extend extract merge omit or partial pick pipe required rest safeExtend".split(
    " ",
  ),
);

/** Values of every program that a schema may be made of. */
const knownGlobals = new Set(["undefined", "NaN", "Infinity"]);

/** A class, as in `z.instanceof(Uint8Array)`, or a function of values. */
function isGlobalFunction(name: string): boolean {
  return typeof Reflect.get(globalThis, name) === "function";
}

/** Sees through modules, each of which may import schemas of others. */
export function createVisibility(modules: Modules): Visibility {
  const names = new Map<Module, Map<string, boolean>>();

  function nameShows(module: Module, name: string): boolean {
    const known = names.get(module) ?? new Map<string, boolean>();
    names.set(module, known);
    const before = known.get(name);
    if (before !== undefined) return before;
    // True while it is being looked at. A schema that leads back to itself is never printed, whatever this says.
    known.set(name, true);
    const result = bindingShows(module, name, module.bindings.get(name));
    known.set(name, result);
    return result;
  }

  function bindingShows(module: Module, name: string, binding: Binding | undefined): boolean {
    if (binding === undefined) return knownGlobals.has(name) || isGlobalFunction(name);
    if (binding.kind === "import") return importShows(module, binding.specifier, binding.name);
    if (binding.kind === "function") return functionShows(module, binding.node);
    if (binding.kind === "other") return false;
    const { node, statement } = binding;
    const isConstant = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
    const { initializer } = node;
    if (!isConstant || node.type !== undefined || initializer === undefined) return false;
    if (isFunction(initializer)) return functionShows(module, initializer);
    return !widens(initializer) && shows(module, initializer);
  }

  function importShows(module: Module, specifier: string, name: string): boolean {
    // task() itself, for the user's functions that make tasks.
    if (isZod(specifier) || specifier === packageName) return true;
    const target = modules.imported(module, specifier);
    return target !== undefined && name !== "*" && exportShows(target, name);
  }

  function exportShows(module: Module, name: string): boolean {
    const site = module.exports.get(name);
    if (site === undefined) {
      const targets = module.stars.map((star) => modules.imported(module, star.specifier));
      const owner = targets.find((target) => target?.exports.has(name));
      return owner !== undefined && exportShows(owner, name);
    }
    if (site.specifier !== undefined) return importShows(module, site.specifier, site.local);
    return nameShows(module, site.local);
  }

  /** A function that makes schemas: the type of whatever it takes must be a type parameter of its own. */
  function functionShows(module: Module, node: ts.FunctionLikeDeclaration): boolean {
    if (node.type !== undefined || node.body === undefined) return false;
    const own = new Set((node.typeParameters ?? []).map((parameter) => parameter.name.text));
    const isOpen = (parameter: ts.ParameterDeclaration): boolean =>
      ts.isIdentifier(parameter.name) && parameter.type !== undefined && own.has(parameter.type.getText());
    if (!node.parameters.every(isOpen)) return false;
    const locals = new Set(node.parameters.map((parameter) => parameter.name.getText()));
    return returned(node.body).every((expression) => shows(module, expression, locals));
  }

  function shows(module: Module, node: ts.Node, locals: ReadonlySet<string> = noNames): boolean {
    const inner = (child: ts.Node): boolean => shows(module, child, locals);
    if (ts.isIdentifier(node)) return locals.has(node.text) || nameShows(module, node.text);
    if (isPlainLiteral(node)) return true;
    if (ts.isParenthesizedExpression(node) || ts.isSatisfiesExpression(node)) return inner(node.expression);
    if (ts.isAsExpression(node)) return isAsConst(node) && inner(node.expression);
    if (ts.isPrefixUnaryExpression(node)) return inner(node.operand);
    if (ts.isArrayLiteralExpression(node)) return node.elements.every(inner);
    if (ts.isSpreadElement(node) || ts.isSpreadAssignment(node)) return inner(node.expression);
    if (ts.isObjectLiteralExpression(node))
      return node.properties.every((property) => propertyShows(module, property, locals));
    if (ts.isPropertyAccessExpression(node)) return memberShows(module, node, locals);
    if (ts.isNewExpression(node)) return true; // a value, such as a default: schemas are made by functions
    if (ts.isCallExpression(node)) return callShows(module, node, locals);
    return isFunction(node); // it checks or changes values; those that give schemas are asked for where they stand
  }

  function propertyShows(module: Module, node: ts.ObjectLiteralElementLike, locals: ReadonlySet<string>): boolean {
    if (ts.isPropertyAssignment(node)) return shows(module, node.initializer, locals);
    if (ts.isShorthandPropertyAssignment(node)) return shows(module, node.name, locals);
    if (ts.isSpreadAssignment(node)) return shows(module, node, locals);
    if (!ts.isGetAccessorDeclaration(node)) return true; // a method
    if (node.type !== undefined || node.body === undefined) return false;
    return returned(node.body).every((expression) => shows(module, expression, locals));
  }

  function memberShows(module: Module, node: ts.PropertyAccessExpression, locals: ReadonlySet<string>): boolean {
    const namespace = namespaceOf(module, node.expression);
    if (namespace === undefined)
      return !isGlobal(module, node.expression, locals) && shows(module, node.expression, locals);
    if (isZod(namespace)) return true;
    const target = modules.imported(module, namespace);
    return target !== undefined && exportShows(target, node.name.text);
  }

  function callShows(module: Module, node: ts.CallExpression, locals: ReadonlySet<string>): boolean {
    if (node.typeArguments !== undefined) return false;
    const callee = node.expression;
    const givesSchemas = isNamed(callee, "lazy") || isNamed(callee, "apply");
    const argumentShows = (argument: ts.Expression): boolean =>
      givesSchemas && isFunction(argument)
        ? argument.body !== undefined &&
          returned(argument.body).every((expression) => shows(module, expression, locals))
        : shows(module, argument, locals);
    if (!ts.isPropertyAccessExpression(callee)) {
      return ts.isIdentifier(callee) && nameShows(module, callee.text) && node.arguments.every(argumentShows);
    }
    if (!memberShows(module, callee, locals)) return false;
    const method = callee.name.text;
    if (method === "brand") return false;
    if (method === "refine") return node.arguments[0] !== undefined && narrowsNothing(node.arguments[0]);
    if (method === "catchall" && node.arguments.some((argument) => argument.getText().includes("never("))) return false;
    const isFunctionOfZod = namespaceOf(module, callee.expression) !== undefined;
    const given = method === "codec" && isFunctionOfZod ? node.arguments.slice(0, 2) : node.arguments;
    return (!typedMethods.has(method) && !isFunctionOfZod) || given.every(argumentShows);
  }

  return { shows };
}

const noNames: ReadonlySet<string> = new Set();

/** Whether a module is one of zod's. */
export function isZod(specifier: string): boolean {
  return specifier === "zod" || specifier.startsWith("zod/");
}

/** What `z` of `z.string()` is imported from, where it is a namespace, or zod's own object of that name. */
function namespaceOf(module: Module, node: ts.Expression): string | undefined {
  const binding = ts.isIdentifier(node) ? module.bindings.get(node.text) : undefined;
  if (binding?.kind !== "import") return undefined;
  return binding.name === "*" || (isZod(binding.specifier) && isZodObject(binding.name))
    ? binding.specifier
    : undefined;
}

/** `Object` of `Object.keys(colors)`, whose type is not that of any schema. */
function isGlobal(module: Module, node: ts.Expression, locals: ReadonlySet<string>): boolean {
  return ts.isIdentifier(node) && !locals.has(node.text) && !module.bindings.has(node.text);
}

function isZodObject(name: string): boolean {
  return name === "z" || name === "default" || name === "coerce" || name === "iso";
}

type FunctionExpression = ts.ArrowFunction | ts.FunctionExpression;

function isFunction(node: ts.Node): node is FunctionExpression {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node);
}

function isNamed(callee: ts.Expression, name: string): boolean {
  return ts.isPropertyAccessExpression(callee)
    ? callee.name.text === name
    : ts.isIdentifier(callee) && callee.text === name;
}

function isPlainLiteral(node: ts.Node): boolean {
  return (
    ts.isLiteralExpression(node) ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword ||
    node.kind === ts.SyntaxKind.NullKeyword
  );
}

function isAsConst(node: ts.AsExpression): boolean {
  return ts.isTypeReferenceNode(node.type) && node.type.getText() === "const";
}

/** Whether a variable forgets the literals that it is given: `const names = ["a", "b"]` is `string[]`. */
function widens(node: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(node) || ts.isSatisfiesExpression(node)) return widens(node.expression);
  if (ts.isArrayLiteralExpression(node)) return true;
  if (!ts.isObjectLiteralExpression(node)) return false;
  return node.properties.some(
    (property) =>
      ts.isPropertyAssignment(property) && (isPlainLiteral(property.initializer) || widens(property.initializer)),
  );
}

/** The expressions that a function's body returns; anything but plain returns gives none that could show. */
function returned(body: ts.ConciseBody): readonly ts.Node[] {
  if (!ts.isBlock(body)) return [body];
  const [only] = body.statements;
  return body.statements.length === 1 &&
    only !== undefined &&
    ts.isReturnStatement(only) &&
    only.expression !== undefined
    ? [only.expression]
    : [body];
}
