import type { Module, Modules } from "./module.ts";
import { ts } from "./read.ts";
import { packageName } from "./symbols.ts";

/** What a name or a member stands for, wherever it is declared. */
export type Resolved =
  /** A function or a group of zod's: `string`, `iso.date`; `""` is zod itself. */
  | { readonly kind: "zod"; readonly path: string }
  /** A function of this package. */
  | { readonly kind: "taskpact" }
  /** All that a module exports. */
  | { readonly kind: "module"; readonly module: Module }
  /** What a constant is given, or a property of one. */
  | {
      readonly kind: "expression";
      readonly module: Module;
      readonly node: ts.Expression;
      /** Whether it stands within an `as const`. */
      readonly isConstant: boolean;
      /** Whether TypeScript forgets its literal: `config.kind` of `const config = { kind: "a" }` is any string. */
      readonly isWidened: boolean;
    }
  | { readonly kind: "function"; readonly module: Module; readonly node: ts.FunctionLikeDeclaration };

/** Whether a module is one of zod's. */
export function isZod(specifier: string): boolean {
  return specifier === "zod" || specifier.startsWith("zod/");
}

/** Finds what the expressions of modules stand for. */
export interface Resolution {
  /** Undefined for what isn't known: a parameter, what may change, what has an annotation, what comes from a package. */
  of(module: Module, node: ts.Node): Resolved | undefined;
  /** A property of an object; undefined where there is none, or where another one may be there in its place. */
  property(module: Module, object: ts.ObjectLiteralExpression, name: string): Resolved | undefined;
}

/** Resolves names through modules, each of which may import from others. */
export function createResolution(modules: Modules): Resolution {
  const resolution: Resolution = {
    of(module, node) {
      if (ts.isParenthesizedExpression(node)) return resolution.of(module, node.expression);
      if (ts.isIdentifier(node)) return ofName(module, node.text);
      const name = memberName(node);
      if (name === undefined) return undefined;
      const object = resolution.of(module, (node as ts.PropertyAccessExpression).expression);
      if (object?.kind === "zod") return { kind: "zod", path: joined(object.path, name) };
      if (object?.kind === "module") return ofExport(object.module, name);
      if (object?.kind !== "expression") return undefined;
      const { literal, isConstant: isFrozen } = literalIn(object.node);
      const isConstant = isFrozen || object.isConstant;
      if (literal === undefined) return undefined;
      const member = ts.isArrayLiteralExpression(literal)
        ? elementOf(object.module, literal, name)
        : resolution.property(object.module, literal, name);
      return member?.kind === "expression" ? { ...member, isConstant, isWidened: !isConstant } : member;
    },
    property(module, object, name) {
      const index = object.properties.findLastIndex(
        (property) =>
          property.name === undefined || ts.isComputedPropertyName(property.name) || nameText(property.name) === name,
      );
      const property = object.properties[index];
      if (property === undefined) return undefined;
      if (ts.isShorthandPropertyAssignment(property)) {
        const named = ofName(module, name);
        return named?.kind === "function" ? named : ofExpression(module, property.name);
      }
      if (ts.isMethodDeclaration(property) && nameText(property.name) === name) {
        return { kind: "function", module, node: property };
      }
      if (!ts.isPropertyAssignment(property) || nameText(property.name) !== name) return undefined;
      return ofExpression(module, property.initializer);
    },
  };

  function ofName(module: Module, name: string): Resolved | undefined {
    const binding = module.bindings.get(name);
    if (binding === undefined || binding.kind === "other") return undefined;
    if (binding.kind === "import") return ofImport(module, binding.specifier, binding.name);
    if (binding.kind === "function") {
      return isOverloaded(binding.node) ? undefined : { kind: "function", module, node: binding.node };
    }
    const { node, statement } = binding;
    const isConst = (statement.declarationList.flags & ts.NodeFlags.Const) !== 0;
    if (!isConst || node.type !== undefined || node.initializer === undefined) return undefined;
    return ofExpression(module, node.initializer);
  }

  function ofExpression(module: Module, node: ts.Expression): Resolved {
    return ts.isArrowFunction(node) || ts.isFunctionExpression(node)
      ? { kind: "function", module, node }
      : { kind: "expression", module, node, isConstant: false, isWidened: false };
  }

  function elementOf(module: Module, array: ts.ArrayLiteralExpression, index: string): Resolved | undefined {
    const element = array.elements.some(ts.isSpreadElement) ? undefined : array.elements[Number(index)];
    return element && ofExpression(module, element);
  }

  function ofImport(module: Module, specifier: string, name: string): Resolved | undefined {
    if (isZod(specifier)) return { kind: "zod", path: name === "*" || name === "default" ? "" : joined("", name) };
    // task() itself, for the user's functions that make tasks.
    if (specifier === packageName) return { kind: "taskpact" };
    const target = modules.imported(module, specifier);
    if (target === undefined) return undefined;
    return name === "*" ? { kind: "module", module: target } : ofExport(target, name);
  }

  function ofExport(module: Module, name: string): Resolved | undefined {
    const site = module.exports.get(name);
    if (site === undefined) {
      const targets = module.stars.map((star) => modules.imported(module, star.specifier));
      const owner = targets.find((target) => target?.exports.has(name));
      return owner && ofExport(owner, name);
    }
    return site.specifier === undefined ? ofName(module, site.local) : ofImport(module, site.specifier, site.local);
  }

  return resolution;
}

/** An object's or array's text, and whether `as const` keeps its literals. */
export function literalIn(node: ts.Expression): {
  readonly literal: ts.ObjectLiteralExpression | ts.ArrayLiteralExpression | undefined;
  readonly isConstant: boolean;
} {
  if (ts.isParenthesizedExpression(node) || ts.isSatisfiesExpression(node)) return literalIn(node.expression);
  if (isAsConst(node)) return { ...literalIn(node.expression), isConstant: true };
  const isLiteral = ts.isObjectLiteralExpression(node) || ts.isArrayLiteralExpression(node);
  return { literal: isLiteral ? node : undefined, isConstant: false };
}

/** `… as const`. */
export function isAsConst(node: ts.Node): node is ts.AsExpression {
  return ts.isAsExpression(node) && ts.isTypeReferenceNode(node.type) && node.type.getText() === "const";
}

/** `a` of `x.a`, `x["a"]`, and `0` of `x[0]`; none where `x` may be absent. */
export function memberName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) return node.questionDotToken === undefined ? node.name.text : undefined;
  if (!ts.isElementAccessExpression(node) || node.questionDotToken !== undefined) return undefined;
  const { argumentExpression: key } = node;
  return ts.isStringLiteralLike(key) || ts.isNumericLiteral(key) ? key.text : undefined;
}

/** A property's name; undefined where it is computed. */
export function nameText(name: ts.PropertyName): string | undefined {
  return ts.isIdentifier(name) || ts.isStringLiteralLike(name) || ts.isNumericLiteral(name) ? name.text : undefined;
}

/** `iso.date` of `iso` and `date`; zod has itself as a member, too. */
function joined(path: string, name: string): string {
  if (path !== "") return `${path}.${name}`;
  return name === "z" || name === "default" ? "" : name;
}

function isOverloaded(node: ts.FunctionDeclaration): boolean {
  const declarations = node.getSourceFile().statements.filter(ts.isFunctionDeclaration);
  return declarations.filter((declaration) => declaration.name?.text === node.name?.text).length > 1;
}
