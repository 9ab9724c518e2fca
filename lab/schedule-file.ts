/**
 * A schedule as a file: JSON with a line for each fault and each operation, so that a person can
 * read, edit and compare it. A mistake in it is told with its line.
 */
import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { messageOf, UserError } from '../src/user-error.ts';
import { type Path, ScheduleError } from './rules.ts';
import type { Schedule } from './schedule.ts';
import { checkSchedule } from './schedule-rules.ts';

/** The text of a schedule; `parseSchedule` gives the schedule back. */
export function formatSchedule(schedule: Schedule): string {
  const fields = Object.entries(schedule).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${unfolded(value)}`,
  );
  return `{\n${fields.join(',\n')}\n}\n`;
}

/**
 * The schedule that the text of a file describes. Throws a UserError with the name of the file, the
 * line, the field, what was expected and what came; `name` is that of the file.
 */
export function parseSchedule(text: string, name: string): Schedule {
  // A byte order mark is what some editors leave, and nothing anyone sees.
  const value = parseJson(text.replace(/^\uFEFF/, ''), name);
  try {
    checkSchedule(value);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    throw new UserError(`${name}:${lineOfPath(text, error.path)}: ${error.message}`);
  }
  return value;
}

// ---- Text ---------------------------------------------------------------------------------------

/** One line for each item or field, which are folded. */
function unfolded(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const items = itemsOf(value);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (items.length === 0) return `${open}${close}`;
  return `${open}\n${items.map((item) => `    ${item}`).join(',\n')}\n  ${close}`;
}

function folded(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const items = itemsOf(value).join(', ');
  if (Array.isArray(value)) return `[${items}]`;
  return items === '' ? '{}' : `{ ${items} }`;
}

function itemsOf(value: object): string[] {
  if (Array.isArray(value)) return value.map(folded);
  return Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${folded(item)}`);
}

// ---- JSON with lines ----------------------------------------------------------------------------

const STRICT = { disallowComments: true, allowTrailingComma: false };

function parseJson(text: string, name: string): unknown {
  const errors: ParseError[] = [];
  const root = treeOf(text, errors, name);
  const [error] = errors;
  if (error !== undefined) {
    const what = printParseErrorCode(error.error).replace(/(?<=[a-z])[A-Z]/g, ' $&');
    throw new UserError(
      `${name}:${lineOf(text, error.offset)}: this is not JSON: ${what.toLowerCase()}`,
    );
  }
  const again = root === undefined ? undefined : repeatedField(root);
  if (again !== undefined) {
    const field = String(again.value);
    throw new UserError(`${name}:${lineOf(text, again.offset)}: field ${field} stands there twice`);
  }
  try {
    return JSON.parse(text);
  } catch (problem) {
    throw new UserError(`${name}:1: this is not JSON: ${messageOf(problem)}`);
  }
}

/** Brackets by the ten thousand are no schedule, and more than the parser's stack can hold. */
function treeOf(text: string, errors: ParseError[], name: string): Node | undefined {
  try {
    return parseTree(text, errors, STRICT);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`${name}:1: this is nested too deeply; expected is a schedule`);
  }
}

/** The second of two fields of one name; JSON would keep it and drop the first without a word. */
function repeatedField(node: Node): Node | undefined {
  const names = new Set<unknown>();
  for (const child of node.children ?? []) {
    const key = child.type === 'property' ? child.children?.[0] : undefined;
    if (key !== undefined && names.has(key.value)) return key;
    if (key !== undefined) names.add(key.value);
    const below = repeatedField(child);
    if (below !== undefined) return below;
  }
  return undefined;
}

/** The line of a field; of what it is missing from, if it is missing. */
function lineOfPath(text: string, path: Path): number {
  const root = parseTree(text, [], STRICT);
  if (root === undefined) return 1;
  const node = findNodeAtLocation(root, [...path]);
  if (node !== undefined) return lineOf(text, node.offset);
  return path.length === 0 ? 1 : lineOfPath(text, path.slice(0, -1));
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
