/** Which edits become mutants: as many from each area, and in an area as many by each rule. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fork, pick } from '../../src/raft/random.ts';
import type { Mutant } from '../mutants/mutant.ts';
import { type Edit, editsOf, type Rule } from './rules.ts';
import type { Sources } from './sources.ts';

/** The files of each area. Texts for people and what only declares types are left out. */
const AREAS = {
  raft: /^src\/raft\/(?!describe\.ts|types\.ts)/,
  node: /^src\/(node|snapshots|batching|persist-queue|requests|forwarding|room|turns)\.ts$/,
  'state-machine':
    /^src\/(kv(-\w+)?|table|arena|slots|sessions|answers|command|membership-plan)\.ts$/,
  storage: /^src\/(storage\/[\w-]+|entry)\.ts$/,
  transport:
    /^src\/transport\/(codec|client-frame|link|frame-bytes|delay-queue|distributions)\.ts$/,
} as const;

export type Area = keyof typeof AREAS;
export const AREA_NAMES = Object.keys(AREAS) as readonly Area[];

/** An edit that was drawn. */
export type Drawn = Edit & {
  /** `other` for a file that was named and belongs to none. */
  readonly area: Area | 'other';
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The line before and after, or as much of both as differs and some more. */
  readonly before: string;
  readonly after: string;
};

export type Choice = {
  readonly mutants: number;
  readonly areas: readonly Area[];
  /** Of the project; instead of the areas. */
  readonly file: string | null;
  readonly seed: number;
};

export function areaOf(file: string): Area | undefined {
  return AREA_NAMES.find((area) => AREAS[area].test(file));
}

export function sourceFiles(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => join('src', file))
    .filter((file) => file.endsWith('.ts'))
    .toSorted();
}

/** The same choice draws the same edits of the same sources. Fewer where there are no more. */
export function draw(sources: Sources, files: readonly string[], choice: Choice): Drawn[] {
  const { areas, file, mutants, seed } = choice;
  if (file !== null) {
    return drawFrom(sources, [file], { name: areaOf(file) ?? 'other', seed }, mutants);
  }
  const byArea = areas.map((area, i) => {
    const share = Math.floor((mutants + areas.length - 1 - i) / areas.length);
    const own = files.filter((each) => areaOf(each) === area);
    return drawFrom(sources, own, { name: area, seed }, share);
  });
  // In turn, so that a run that is stopped has some of each.
  const most = Math.max(...byArea.map(({ length }) => length));
  return Array.from({ length: most }, (_, i) => byArea.flatMap((own) => own[i] ?? [])).flat();
}

function drawFrom(
  sources: Sources,
  files: readonly string[],
  { name, seed }: { name: Drawn['area']; seed: number },
  count: number,
): Drawn[] {
  const rng = fork(seed, `mutate ${name}`);
  const byRule = new Map<Rule, { file: string; edit: Edit }[]>();
  for (const file of files) {
    for (const edit of editsOf(sources, file)) {
      byRule.set(edit.rule, [...(byRule.get(edit.rule) ?? []), { file, edit }]);
    }
  }
  const drawn: Drawn[] = [];
  while (drawn.length < count && byRule.size > 0) {
    const rule = pick(rng, [...byRule.keys()].toSorted());
    const left = byRule.get(rule) ?? [];
    const chosen = pick(rng, left);
    left.splice(left.indexOf(chosen), 1);
    if (left.length === 0) byRule.delete(rule);
    const { edit, file } = chosen;
    const text = sources.text(file);
    if (sources.complaints(file, patchedText(text, edit)).length > 0) continue;
    drawn.push({ ...edit, area: name, file, ...shown(text, edit) });
  }
  return drawn;
}

function patchedText(text: string, { start, end, with: put }: Edit): string {
  return text.slice(0, start) + put + text.slice(end);
}

/** Of a line around what differs, so much on either side at most. */
const SHOWN_AROUND = 50;

function shown(text: string, edit: Edit): Pick<Drawn, 'line' | 'before' | 'after'> {
  const old = text.slice(edit.start, edit.end);
  const head = commonHead(old, edit.with);
  const tail = commonHead(reversed(old.slice(head)), reversed(edit.with.slice(head)));
  const [start, end] = [edit.start + head, edit.end - tail];
  const put = edit.with.slice(head, edit.with.length - tail);
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const newline = text.indexOf('\n', end);
  const lineEnd = newline === -1 ? text.length : newline;
  const from = Math.max(lineStart, start - SHOWN_AROUND);
  const to = Math.min(lineEnd, end + SHOWN_AROUND);
  const around = (middle: string): string => {
    const whole = `${text.slice(from, start)}${middle}${text.slice(end, to)}`;
    const line = whole.replace(/\s+/g, ' ').trim();
    return `${from > lineStart ? '…' : ''}${line}${to < lineEnd ? '…' : ''}`;
  };
  return {
    line: text.slice(0, start).split('\n').length,
    before: around(text.slice(start, end)),
    after: around(put),
  };
}

function commonHead(a: string, b: string): number {
  let at = 0;
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at++;
  return at;
}

function reversed(text: string): string {
  return [...text].toReversed().join('');
}

export function idOf({ file, start, end, with: put }: Drawn): string {
  return `${file}:${start}-${end} ${put}`;
}

/** As the loader's hook takes it. */
export function mutantOf(drawn: Drawn): Mutant {
  const { file, line, rule, start, end } = drawn;
  return {
    name: `${rule} at ${file}:${line}`,
    what: `${drawn.before} → ${drawn.after}`,
    knownFrom: 'drawn by machine',
    file,
    replace: [{ start, end, with: drawn.with }],
  };
}
