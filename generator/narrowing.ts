import { ts } from "./read.ts";

const narrowing = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.InstanceOfKeyword,
  ts.SyntaxKind.InKeyword,
]);

/**
 * Whether a check leaves the type as it is. TypeScript makes a type predicate of a function with one `return`, where
 * its parameter is narrowed there: by equality, `typeof`, `instanceof`, `in`, by being true, or by a call of another
 * predicate.
 */
export function narrowsNothing(check: ts.Expression): boolean {
  if (!isFunctionExpression(check) || check.type !== undefined) return false;
  if (ts.isBlock(check.body) && returnsIn(check.body) > 1) return true;
  const parameter = check.parameters[0]?.name.getText();
  const isSuspect = (node: ts.Node): boolean => {
    if (ts.isBinaryExpression(node)) {
      if (narrowing.has(node.operatorToken.kind)) return true;
      if (isLogical(node.operatorToken.kind) && (isReference(node.left) || isReference(node.right))) return true;
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) return true;
    if (ts.isTypeOfExpression(node) || ts.isConditionalExpression(node)) return true;
    if (
      ts.isCallExpression(node) &&
      node.arguments.some((argument) => argument.getText() === parameter || isFunctionExpression(argument))
    ) {
      return true;
    }
    return ts.forEachChild(node, (child) => isSuspect(child) || undefined) ?? false;
  };
  return !isReference(check.body) && !isSuspect(check.body);
}

/** How many `return`s a function has, those of functions inside it left out. */
function returnsIn(node: ts.Node): number {
  let count = ts.isReturnStatement(node) ? 1 : 0;
  ts.forEachChild(node, (child) => {
    if (!ts.isFunctionLike(child)) count += returnsIn(child);
  });
  return count;
}

function isLogical(operator: ts.SyntaxKind): boolean {
  return operator === ts.SyntaxKind.AmpersandAmpersandToken || operator === ts.SyntaxKind.BarBarToken;
}

/** `v` or `v.ok`, asked whether it is true. */
function isReference(node: ts.Node): boolean {
  return ts.isIdentifier(node) || ts.isPropertyAccessExpression(node);
}

function isFunctionExpression(node: ts.Node): node is ts.ArrowFunction | ts.FunctionExpression {
  return ts.isArrowFunction(node) || ts.isFunctionExpression(node);
}
