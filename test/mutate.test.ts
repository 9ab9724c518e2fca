/**
 * Shows that `npm run mutate` makes the edits that its rules say and no others, that it draws the
 * same ones from the same seed, that what it draws compiles, and that a mutant is killed by what
 * should kill it: by seeds of the simulator, as a hang, or by a test.
 *
 *     npx ava test/mutate.test.ts
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { TestRuns } from '../lab/mutants/test-runs.ts';
import { parseArguments } from '../lab/mutate/arguments.ts';
import { AREA_NAMES, areaOf, type Drawn, draw, sourceFiles } from '../lab/mutate/draw.ts';
import { fateText, judge, type Limits } from '../lab/mutate/judge.ts';
import { documentOf, scoresOf, survivorsOf, terminalText } from '../lab/mutate/report.ts';
import { type Row, Rows } from '../lab/mutate/rows.ts';
import { editsOf, RULES, type Rule } from '../lab/mutate/rules.ts';
import { Sources } from '../lab/mutate/sources.ts';
import { UserError } from '../src/user-error.ts';

const ROOT = join(import.meta.dirname, '..');

// ---- The rules ----------------------------------------------------------------------------------

/** A snippet, and all the edits that the rules make of it. */
const SNIPPETS: readonly (readonly [what: string, code: string, edits: readonly string[]])[] = [
  [
    'comparisons and conditions',
    'export function f(a: number): number { if (a < 7) return 1; return 2; }',
    [
      'condition: a < 7 → false',
      'condition: a < 7 → true',
      'comparison: < → <=',
      'comparison: < → >=',
      'exit: return 1; → ;',
    ],
  ],
  [
    'equality, negation and a conditional expression',
    'export const f = (a: boolean, b: string): number => (!a ? 1 : b === "x" ? 2 : 3);',
    [
      'comparison: !a → a',
      'condition: !a → false',
      'condition: !a → true',
      'condition: b === "x" → false',
      'condition: b === "x" → true',
      'comparison: === → !==',
    ],
  ],
  [
    'logic and operands',
    'export const f = (a: { x?: string }, b: boolean) => (b && a.x) ?? "";',
    [
      'operand: (b && a.x) ?? "" → ""',
      'operand: (b && a.x) ?? "" → (b && a.x)',
      'operand: b && a.x → a.x',
      'operand: b && a.x → b',
      'logic: && → ||',
    ],
  ],
  [
    'statements, early exits and loops',
    `export function f(a: Set<number>, b: { n: number }): void {
      while (b.n > 3) {
        if (a.has(4)) continue;
        b.n = 4;
        a.add(4);
      }
    }`,
    [
      'condition: b.n > 3 → false',
      'comparison: > → <=',
      'comparison: > → >=',
      'condition: a.has(4) → false',
      'condition: a.has(4) → true',
      'exit: continue; → ;',
      'statement: b.n = 4; → ;',
      'statement: a.add(4); → ;',
    ],
  ],
  [
    'off by one',
    'export const f = (a: number[]): number => (a[a.length - 1] ?? 0) + 1 + 2;',
    [
      'off-by-one: (a[a.length - 1] ?? 0) + 1 → (a[a.length - 1] ?? 0)',
      'operand: a[a.length - 1] ?? 0 → 0',
      'operand: a[a.length - 1] ?? 0 → a[a.length - 1]',
      'off-by-one: a.length - 1 → a.length',
      'off-by-one: - → +',
      'off-by-one: + → -',
    ],
  ],
  [
    'names of the same type, visible and declared before',
    `export function f(a: number, b: number, c: string) {
      const { d } = { d: a };
      { const e = 1; c.at(e); }
      return { b, d, c };
    }`,
    [
      'variable: a → b',
      'statement: c.at(e); → ;',
      'variable: b → b: a',
      'variable: b → b: d',
      'variable: d → d: a',
      'variable: d → d: b',
    ],
  ],
  [
    'swaps and steps',
    `export const f = (a: number[]): number[] =>
      a.some((x) => Math.max(x, 4)) ? a.filter(Boolean).map(String).map(Number) : [];`,
    [
      'condition: a.some((x) => Math.max(x, 4)) → false',
      'condition: a.some((x) => Math.max(x, 4)) → true',
      'swap: some → every',
      'swap: max → min',
      'step: a.filter(Boolean) → a',
    ],
  ],
  [
    'nothing of types, texts, what is logged, what is thrown, and what guards the impossible',
    `import type { Log } from './types.ts';
    export type A = { a: 1 } extends { a: 1 | 2 } ? true : false;
    export interface B { readonly b: Log | null }
    class Refused extends Error {}
    /** a < b */
    export function f(log: { info(text: string): void }, a: number): void {
      log.info(a === 1 ? 'x' : 'y');
      if (a > 4) throw new Error(a < 9 ? \`\${a + 1}\` : 'no');
      if (a < 0) throw new Refused(a === -1 ? 'one' : 'many');
    }`,
    [
      'condition: a < 0 → false',
      'condition: a < 0 → true',
      'comparison: < → <=',
      'comparison: < → >=',
    ],
  ],
];

/** Each snippet stands in for a file of its own, so that the compiler starts once. */
const FILES = sourceFiles(ROOT).filter((file) => areaOf(file) === 'storage');
const INSTEAD = Object.fromEntries(SNIPPETS.map(([, code], i) => [FILES[i] ?? '', code]));
let shared: Sources | undefined;

function snippets(): Sources {
  shared ??= new Sources(ROOT, INSTEAD);
  return shared;
}

test.after.always(() => shared?.close());

for (const [i, [what, code, expected]] of SNIPPETS.entries()) {
  test(`the rules make of a snippet: ${what}`, (t) => {
    const edits = editsOf(snippets(), FILES[i] ?? '').map(
      (edit) => `${edit.rule}: ${code.slice(edit.start, edit.end)} → ${edit.with}`,
    );
    t.deepEqual(edits.toSorted(), [...expected].toSorted());
  });
}

function sourcesOf(t: ExecutionContext, instead: Readonly<Record<string, string>> = {}): Sources {
  const sources = new Sources(ROOT, instead);
  t.teardown(() => sources.close());
  return sources;
}

// ---- Drawing ------------------------------------------------------------------------------------

const CHOICE = { mutants: 25, areas: AREA_NAMES, file: null, seed: 7 } as const;

test('a seed draws the same edits, as many from each area; another seed draws others', (t) => {
  const sources = sourcesOf(t);
  const files = sourceFiles(ROOT);
  const drawn = draw(sources, files, CHOICE);
  t.deepEqual(draw(sources, files, CHOICE), drawn);
  t.notDeepEqual(draw(sources, files, { ...CHOICE, seed: 8 }), drawn);
  for (const area of AREA_NAMES) {
    const own = drawn.filter((each) => each.area === area);
    t.is(own.length, 5, area);
    t.true(own.every(({ file }) => areaOf(file) === area));
  }
  t.true(new Set(drawn.map(({ rule }) => rule)).size > RULES.length / 2);
  for (const { file, start, end, with: put, line } of drawn) {
    const text = sources.text(file);
    t.deepEqual(sources.complaints(file, text.slice(0, start) + put + text.slice(end)), []);
    t.true(line <= text.split('\n').length);
  }
  const [area = 'raft'] = AREA_NAMES;
  t.deepEqual(
    draw(sources, files, { ...CHOICE, mutants: 5, areas: [area] }),
    drawn.filter((each) => each.area === area),
  );
});

test('what does not compile is not drawn, and no more than there is', (t) => {
  const code = 'export const f = (a: string | null): boolean => a !== null && a.length > 3;';
  const file = 'src/raft/quorum.ts';
  const drawn = draw(sourcesOf(t, { [file]: code }), [], { ...CHOICE, file });
  t.deepEqual(drawn.map(({ with: put }) => put).toSorted(), ['<=', '>=', 'a !== null']);
});

// ---- Killing ------------------------------------------------------------------------------------

const LIMITS: Limits = {
  seeds: 40,
  profile: 'lite',
  hangMs: 30_000,
  budgetMs: 170_000,
  tests: true,
};

/** An edit of a text that stands in a file once. */
function edited(file: string, find: string, put: string, rule: Rule): Drawn {
  const text = readFileSync(join(ROOT, file), 'utf8');
  const start = text.indexOf(find);
  if (start === -1 || text.indexOf(find, start + 1) !== -1) throw new Error(`adapt: ${find}`);
  const line = text.slice(0, start).split('\n').length;
  const at = { start, end: start + find.length, with: put, before: find, after: put, line };
  return { area: areaOf(file) ?? 'other', file, rule, ...at };
}

function judged(t: ExecutionContext, drawn: Drawn, limits: Partial<Limits> = {}) {
  const { signal } = new AbortController();
  const tests = new TestRuns(ROOT, (line) => t.log(line));
  return judge(drawn, tests, { ...LIMITS, ...limits }, signal);
}

const QUORUM = 'src/raft/quorum.ts';

test('a seed of the simulator kills a mutant that breaks a property', async (t) => {
  const find = 'return granted + open >= needed';
  const put = 'return granted + open < needed';
  const fate = await judged(t, edited(QUORUM, find, put, 'comparison'), { tests: false });
  t.is(fate.kind, 'simulator');
  t.regex(fateText(fate), /^simulator \(\w[\w ]+, seed \d+\)$/);
});

test('a mutant that loops for ever is killed as a hang', async (t) => {
  const find = '  becomeCandidate(context, reason);';
  const loop = edited('src/raft/election.ts', find, '  for (;;);', 'statement');
  const fate = await judged(t, loop, { tests: false });
  t.is(fate.kind, 'hang');
  t.regex(fateText(fate), /^hang \(seed \d+\)$/);
});

test('a mutant that only its tests notice is killed by one of them', async (t) => {
  const find = "if (incoming === 'lost' || outgoing === 'lost')";
  const put = "if (incoming === 'lost')";
  const fate = await judged(t, edited(QUORUM, find, put, 'operand'), { seeds: 1 });
  t.deepEqual(fate, { kind: 'tests', test: 'test/raft/quorum.test.ts', late: false });
});

test('a mutant that changes nothing survives', async (t) => {
  const find = 'return granted + open >= needed';
  const put = 'return open + granted >= needed';
  const fate = await judged(t, edited(QUORUM, find, put, 'variable'), { seeds: 3, tests: false });
  t.deepEqual(fate, { kind: 'survived', seedsRun: 3, tests: [], left: [] });
});

test('tests are those that import the file, the nearest first, and none that does not', (t) => {
  const runs = new TestRuns(ROOT, () => {});
  t.is(runs.near('src/transport/codec.ts')[0], 'test/codec.test.ts');
  t.true(runs.near('src/kv.ts').includes('test/kv.test.ts'));
  t.true(runs.near('src/raft/transfer.ts').includes('test/raft/golden.test.ts'));
  t.false(runs.near('src/storage/sqlite-units.ts').includes('test/codec.test.ts'));
  t.true(runs.simulatorLoads('src/raft/raft.ts'));
  t.false(runs.simulatorLoads('src/storage/sqlite.ts'));
});

// ---- Rows and report ----------------------------------------------------------------------------

function row(area: Drawn['area'], start: number, fate: Row['fate']): Row {
  const at = { file: QUORUM, line: 4, start, end: start + 1, with: 'x', before: 'a', after: 'x' };
  return { area, rule: 'variable', ...at, fate, wallMs: 5 };
}

const ROWS: readonly Row[] = [
  row('raft', 1, { kind: 'simulator', property: 'Log Matching', seed: 3 }),
  row('raft', 2, { kind: 'survived', seedsRun: 9, tests: ['a'], left: ['b'] }),
  row('node', 3, { kind: 'hang', seed: 2 }),
  row('node', 4, { kind: 'tests', test: 'test/node.test.ts', late: true }),
];

test('scores are counted by area, and survivors are told with their places', (t) => {
  const counts = scoresOf(ROWS).map((score) => Object.values(score));
  t.deepEqual(counts, [
    ['raft', 2, 1, 0, 0, 1],
    ['node', 2, 0, 1, 1, 0],
    ['all', 4, 1, 1, 1, 1],
  ]);
  t.is(survivorsOf(ROWS).length, 1);
  const text = terminalText(documentOf(planOf(''), ROWS, ROWS.toReversed()), 100);
  t.regex(text, /^raft +2 +1 +0 +0 +1 +50\.0 %$/m);
  t.regex(text, /^survivors:\nsrc\/raft\/quorum\.ts:4 {2}variable {2}a → x: survived \(9 seeds/m);
  t.deepEqual(
    ROWS.map(({ fate }) => fateText(fate)),
    [
      'simulator (Log Matching, seed 3)',
      'survived (9 seeds, 1 test file, no time for 1 more)',
      'hang (seed 2)',
      'tests (test/node.test.ts, out of time)',
    ],
  );
});

test('a run that was stopped goes on with what it has, and is not replaced unasked', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'raft-mutate-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const plan = planOf('');
  const [first, second] = ROWS as [Row, Row];
  new Rows(directory, plan, ROWS, false).add(first);
  t.throws(() => new Rows(directory, plan, ROWS, false), {
    instanceOf: UserError,
    message: /--resume, to go on with the run that was stopped there/,
  });
  const other = planOf('--seed 2');
  t.throws(() => new Rows(directory, other, ROWS, true), { instanceOf: UserError });
  const path = join(directory, 'rows.ndjson');
  writeFileSync(path, `${readFileSync(path, 'utf8')}{"cut o`);
  const rows = new Rows(directory, plan, ROWS, true);
  t.true(rows.has(first));
  t.false(rows.has(second));
  rows.add(second);
  t.deepEqual(new Rows(directory, plan, ROWS, true).all, [first, second]);
  rows.done();
  t.deepEqual(new Rows(directory, plan, ROWS, false).all, []);
});

// ---- The words ----------------------------------------------------------------------------------

function planOf(words: string) {
  const request = parseArguments(words === '' ? [] : words.split(' '), 80, ROOT);
  if (request.kind !== 'run') throw new Error('a run was asked for');
  return request.plan;
}

test('areas may be repeated, and a file stands instead of them', (t) => {
  t.deepEqual(planOf('--area node --area raft').areas, ['raft', 'node']);
  t.is(planOf('--file ./src/raft/quorum.ts').file, QUORUM);
  t.like(planOf('--no-tests --budget-s 5 --threads 2'), { tests: false, budgetS: 5 });
});

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['--mutants 0', /--mutants got '0'; allowed: a whole number from 1/],
  ['--area lab', /--area got 'lab'; allowed: raft, node, state-machine, storage, transport/],
  ['--file lab/rules.ts', /--file got 'lab\/rules.ts'; allowed: a file below src\//],
  ['--file src/none.ts', /--file got 'src\/none.ts'/],
  ['--file src/kv.ts --area raft', /cannot be used with/],
  ['--budget-s 0', /--budget-s got '0'/],
  ['--seed 1 --seed 2', /--seed got '1' and again '2'/],
  ['more', /too many arguments/],
];

for (const [words, expected] of MISTAKES) {
  test(`mistake: mutate ${words}`, (t) => {
    const error = t.throws(() => planOf(words), { instanceOf: UserError });
    t.regex(error?.message ?? '', expected);
    t.notRegex(error?.message ?? '', /\n/);
  });
}
