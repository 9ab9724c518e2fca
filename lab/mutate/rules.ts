/**
 * Small edits of a file, by rule over its tree: each is a slip that a programmer might make. Texts
 * for people are left alone, and so is what guards against what cannot happen.
 */
import {
  type BinaryExpression,
  type CallExpression,
  type Expression,
  isBinaryExpression,
  isBlock,
  isCallExpression,
  isConditionalExpression,
  isContinueStatement,
  isExpressionStatement,
  isIfStatement,
  isImportDeclaration,
  isNewExpression,
  isNumericLiteral,
  isPrefixUnaryExpression,
  isPropertyAccessExpression,
  isReturnStatement,
  isTemplateExpression,
  isThrowStatement,
  isTypeNode,
  isWhileStatement,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import type { Sources } from './sources.ts';
import { isFunction, variableEdits } from './variables.ts';

export const RULES = [
  'comparison',
  'condition',
  'logic',
  'operand',
  'statement',
  'exit',
  'off-by-one',
  'variable',
  'swap',
  'step',
] as const;

export type Rule = (typeof RULES)[number];

/** `[start, end)` of the file's text is replaced. */
export type Edit = {
  readonly rule: Rule;
  readonly start: number;
  readonly end: number;
  readonly with: string;
};

type Maker = (node: Node, edit: (rule: Rule, at: Node, put: string) => void) => void;

/** All edits that the rules make of a file, in the order of the text; not all of them compile. */
export function editsOf(sources: Sources, file: string): Edit[] {
  const tree = sources.tree(file);
  const found: Edit[] = [];
  const add = (rule: Rule, at: Node, put: string): void => {
    const start = at.getStart(tree);
    if (tree.text.slice(start, at.end) === put) return;
    found.push({ rule, start, end: at.end, with: put });
  };
  const visit = (node: Node): void => {
    if (isLeftAlone(node, tree)) return;
    for (const make of MAKERS) make(node, add);
    if (guardsTheImpossible(node)) return;
    node.forEachChild(visit);
  };
  visit(tree);
  variableEdits(sources, tree, (node) => isLeftAlone(node, tree) || guardsTheImpossible(node), add);
  return found.toSorted((a, b) => a.start - b.start || a.end - b.end || (a.with < b.with ? -1 : 1));
}

// ---- What is left alone -------------------------------------------------------------------------

const LOGS = /(^|\.)#?log(ger)?(\.child)?\.(trace|debug|info|warn|error|fatal)$/;

/** Types, imports, and what makes texts for people: what is thrown, logged, or put in a text. */
function isLeftAlone(node: Node, tree: SourceFile): boolean {
  if (isTypeNode(node) || isImportDeclaration(node) || isThrowStatement(node)) return true;
  if (node.kind === SyntaxKind.InterfaceDeclaration) return true;
  if (node.kind === SyntaxKind.TypeAliasDeclaration) return true;
  if (isTemplateExpression(node)) return true;
  const call = isExpressionStatement(node) ? node.expression : node;
  return isCallExpression(call) && LOGS.test(call.expression.getText(tree));
}

/** `if (…) throw new Error(…)`: other classes of errors are told to somebody. */
function guardsTheImpossible(node: Node): boolean {
  if (!isIfStatement(node) || node.elseStatement !== undefined) return false;
  const { thenStatement: then } = node;
  const thrown = isBlock(then) && then.statements.length === 1 ? then.statements[0] : then;
  if (thrown === undefined || !isThrowStatement(thrown)) return false;
  const { expression } = thrown;
  return isNewExpression(expression) && expression.expression.getText() === 'Error';
}

// ---- The rules, but for variables ---------------------------------------------------------------

/** The boundary moved, and the comparison turned. */
const COMPARISONS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
};
const SWAPS: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  some: 'every',
  every: 'some',
};
const STEPS = new Set(['filter', 'slice', 'sort', 'toSorted', 'reverse', 'toReversed', 'concat']);

const comparison: Maker = (node, edit) => {
  if (isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken) {
    edit('comparison', node, node.operand.getText());
  }
  if (!isBinaryExpression(node)) return;
  const { operatorToken } = node;
  for (const other of COMPARISONS[operatorToken.getText()] ?? []) {
    edit('comparison', operatorToken, other);
  }
};

const condition: Maker = (node, edit) => {
  if (guardsTheImpossible(node)) return;
  const tested = testedBy(node);
  if (tested === undefined || isLiteral(tested)) return;
  // A loop without an end shows nothing but that it has none.
  if (!isWhileStatement(node)) edit('condition', tested, 'true');
  edit('condition', tested, 'false');
};

function testedBy(node: Node): Expression | undefined {
  if (isIfStatement(node) || isWhileStatement(node)) return node.expression;
  return isConditionalExpression(node) ? node.condition : undefined;
}

function isLiteral({ kind }: Node): boolean {
  return kind === SyntaxKind.TrueKeyword || kind === SyntaxKind.FalseKeyword;
}

const logic: Maker = (node, edit) => {
  if (!isBinaryExpression(node)) return;
  const operator = node.operatorToken.getText();
  if (operator === '&&') edit('logic', node.operatorToken, '||');
  if (operator === '||') edit('logic', node.operatorToken, '&&');
  if (!['&&', '||', '??'].includes(operator)) return;
  edit('operand', node, node.left.getText());
  edit('operand', node, node.right.getText());
};

const statement: Maker = (node, edit) => {
  if (!isExpressionStatement(node)) return;
  const { expression } = node;
  const isSuper =
    isCallExpression(expression) && expression.expression.kind === SyntaxKind.SuperKeyword;
  if (!isSuper) edit('statement', node, ';');
};

const exit: Maker = (node, edit) => {
  if (isContinueStatement(node)) edit('exit', node, ';');
  if (isReturnStatement(node) && isEarly(node)) edit('exit', node, ';');
};

/** Not the last statement of its function. */
function isEarly(node: Node): boolean {
  const { parent } = node;
  if (!isBlock(parent) || !isFunction(parent.parent)) return true;
  return parent.statements.at(-1) !== node;
}

const offByOne: Maker = (node, edit) => {
  if (!isBinaryExpression(node) || !isOne(node)) return;
  const operator = node.operatorToken.getText();
  const turned = operator === '+' ? '-' : operator === '-' ? '+' : undefined;
  if (turned === undefined) return;
  edit('off-by-one', node, node.left.getText());
  edit('off-by-one', node.operatorToken, turned);
};

function isOne({ right }: BinaryExpression): boolean {
  return isNumericLiteral(right) && right.text === '1';
}

const called: Maker = (node, edit) => {
  if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return;
  const { expression, name } = node.expression;
  const other = SWAPS[name.text];
  const isMath = expression.getText() === 'Math';
  if (other !== undefined && isMath === /^m/.test(name.text)) edit('swap', name, other);
  if (STEPS.has(name.text) && !isStatement(node)) edit('step', node, expression.getText());
};

/** Left out as a whole by another rule. */
function isStatement(node: CallExpression): boolean {
  return isExpressionStatement(node.parent);
}

const MAKERS: readonly Maker[] = [comparison, condition, logic, statement, exit, offByOne, called];
