/** The rule `variable`: the name of another parameter or local of the same type, in its place. */
import {
  type Identifier,
  isBindingElement,
  isBlock,
  isIdentifier,
  isParameterDeclaration,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isShorthandPropertyAssignment,
  isVariableDeclaration,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import type { Sources } from './sources.ts';

/** A parameter or a local: it may be named within `scope`, after `from`. */
type Local = { readonly name: Identifier; readonly scope: Node; readonly from: number };
type Typed = Local & { readonly type: number | undefined };

export function variableEdits(
  sources: Sources,
  tree: SourceFile,
  isLeftAlone: (node: Node) => boolean,
  edit: (rule: 'variable', at: Node, put: string) => void,
): void {
  const locals: Local[] = [];
  const uses: Identifier[] = [];
  const visit = (node: Node): void => {
    if (isLeftAlone(node)) return;
    const local = localOf(node);
    if (local !== undefined) locals.push(local);
    if (isIdentifier(node) && isUse(node)) uses.push(node);
    node.forEachChild(visit);
  };
  visit(tree);
  const types = sources.typesOf(locals.map(({ name }) => name));
  const typed = locals.map((local, i): Typed => ({ ...local, type: types[i] }));
  for (const use of uses) {
    const visible = typed.filter((local) => isVisible(local, use));
    const own = visible.findLast(({ name }) => name.text === use.text);
    if (own?.type === undefined) continue;
    const others = visible.filter(
      ({ name, type }) => type === own.type && name.text !== own.name.text,
    );
    for (const name of new Set(others.map((other) => other.name.text))) {
      edit(
        'variable',
        use,
        isShorthandPropertyAssignment(use.parent) ? `${use.text}: ${name}` : name,
      );
    }
  }
}

const FUNCTIONS = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

export function isFunction({ kind }: Node): boolean {
  return FUNCTIONS.has(kind);
}

function localOf(node: Node): Local | undefined {
  const declares =
    isParameterDeclaration(node) || isVariableDeclaration(node) || isBindingElement(node);
  if (!declares || node.name === undefined || !isIdentifier(node.name)) return undefined;
  const scope = scopeOf(node);
  if (scope === undefined) return undefined;
  let declared: Node = node;
  // What a pattern takes apart cannot name its parts.
  while (!isVariableDeclaration(declared) && declared.parent !== scope) declared = declared.parent;
  return { name: node.name, scope, from: declared.end };
}

const LOOPS = new Set([SyntaxKind.ForStatement, SyntaxKind.ForOfStatement, SyntaxKind.CaseBlock]);

/** `undefined` for what belongs to the module. */
function scopeOf(declaration: Node): Node | undefined {
  for (let node = declaration.parent; node !== undefined; node = node.parent) {
    if (isFunction(node) || isBlock(node) || LOOPS.has(node.kind)) return node;
    if (node.kind === SyntaxKind.SourceFile) return undefined;
  }
  return undefined;
}

/** A name that is read or written, not one that is declared or is a member's. */
function isUse(node: Identifier): boolean {
  const { parent } = node;
  if (isPropertyAccessExpression(parent)) return parent.expression === node;
  if (isPropertyAssignment(parent)) return parent.initializer === node;
  if (isBindingElement(parent) || isParameterDeclaration(parent))
    return parent.initializer === node;
  return !(isVariableDeclaration(parent) && parent.name === node);
}

function isVisible({ from, scope }: Local, use: Identifier): boolean {
  return from <= use.pos && scope.pos <= use.pos && use.end <= scope.end;
}
