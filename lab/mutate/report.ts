/** What a run found, as data and for people. */
import { chartFigure } from '../report/chart.ts';
import { PALETTE } from '../report/colors.ts';
import type { Content, Figure, Table } from '../report/content.ts';
import { sharePercent, textTable } from '../report/table.ts';
import { measuredOn } from '../report/write-content.ts';
import { type Manifest, SCHEMA_VERSION } from '../results.ts';
import { proportion } from '../statistics/proportion.ts';
import { type Plan, QUESTION } from './arguments.ts';
import type { Drawn } from './draw.ts';
import { fateText } from './judge.ts';
import type { Row } from './rows.ts';

export const NAME = 'mutate';

export type MutateDocument = {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly experiment: typeof NAME;
  readonly plan: Plan;
  readonly rows: readonly Row[];
};

type Score = {
  readonly area: string;
  readonly mutants: number;
  readonly simulator: number;
  readonly hangs: number;
  readonly tests: number;
  readonly survived: number;
};

/** Rows in the order in which their edits were drawn. */
export function documentOf(
  plan: Plan,
  drawn: readonly Drawn[],
  rows: readonly Row[],
): MutateDocument {
  const place = (row: Row): number =>
    drawn.findIndex(
      (each) => each.file === row.file && each.start === row.start && each.with === row.with,
    );
  const ordered = rows.toSorted((a, b) => place(a) - place(b));
  return { schemaVersion: SCHEMA_VERSION, experiment: NAME, plan, rows: ordered };
}

export function documentText(document: MutateDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** By area, and of all areas together if there is more than one. */
export function scoresOf(rows: readonly Row[]): Score[] {
  const areas = [...new Set(rows.map(({ area }) => area))];
  const scores = areas.map((area) =>
    scoreOf(
      area,
      rows.filter((row) => row.area === area),
    ),
  );
  return areas.length > 1 ? [...scores, scoreOf('all', rows)] : scores;
}

function scoreOf(area: string, rows: readonly Row[]): Score {
  const count = (...kinds: readonly Row['fate']['kind'][]): number =>
    rows.filter(({ fate }) => kinds.includes(fate.kind)).length;
  return {
    area,
    mutants: rows.length,
    simulator: count('simulator', 'error'),
    hangs: count('hang'),
    tests: count('tests'),
    survived: count('survived'),
  };
}

export function survivorsOf(rows: readonly Row[]): Row[] {
  return rows.filter(({ fate }) => fate.kind === 'survived');
}

/** `src/raft/log.ts:12  comparison  a < b → a <= b`. */
export function editText({ file, line, rule, before, after }: Drawn): string {
  return `${file}:${line}  ${rule}  ${before} → ${after}`;
}

export function terminalText({ rows }: MutateDocument, columns: number): string {
  const scores = scoresOf(rows);
  const column = (head: string, of: (score: Score) => string) => ({ head, cells: scores.map(of) });
  const table = textTable(
    [
      { ...column('area', ({ area }) => area), left: true },
      column('mutants', ({ mutants }) => String(mutants)),
      column('simulator', ({ simulator }) => String(simulator)),
      column('hang', ({ hangs }) => String(hangs)),
      column('tests', ({ tests }) => String(tests)),
      column('survived', ({ survived }) => String(survived)),
      column('killed', killedText),
    ],
    columns,
  );
  const survivors = survivorsOf(rows).map((row) => `${editText(row)}: ${fateText(row.fate)}`);
  return [...table, '', ...(survivors.length > 0 ? ['survivors:', ...survivors] : [])].join('\n');
}

function killedText({ mutants, survived }: Score): string {
  return sharePercent(mutants === 0 ? null : (mutants - survived) / mutants);
}

export function contentOf(document: MutateDocument, manifest: Manifest): Content {
  const { plan, rows } = document;
  const survivors = survivorsOf(rows);
  const killed = rows.length - survivors.length;
  return {
    name: NAME,
    question: QUESTION,
    complaints: [],
    verdict: `${killed} of ${rows.length} mutants were noticed, ${survivors.length} were not.`,
    holds: survivors.length === 0,
    headline: [],
    setup: [
      ['mutants', `${plan.mutants}, ${plan.file ?? plan.areas.join(', ')}`],
      ['seeds of the simulator', `1 to ${plan.seeds}, profile ${plan.profile}`],
      ['tests', plan.tests ? 'those that import the file, nearest first' : 'none'],
      ['time for a mutant', `${plan.budgetS} s`],
    ],
    figures: [scoreFigure(rows)],
    tables: [scoreTable(rows), survivorTable(survivors), allTable(rows)],
    shows: ['A survivor is a place where an edit changed nothing that anything here looks at.'],
    showsNot: [
      'A survivor need not be a gap: some edits change nothing that can be seen, or only speed. ' +
        'docs/mutants.md has those that are explained.',
      'The edits are slips. What takes several changes at once is not among them.',
    ],
    files: [{ file: 'mutants.csv', text: csvOf(rows) }],
    provenance: measuredOn(manifest),
    command: manifest.command,
  };
}

function scoreFigure(rows: readonly Row[]): Figure {
  const scores = scoresOf(rows);
  const points = scores.map(({ mutants, survived }, x) => {
    const { value, low, high } = proportion(mutants - survived, mutants);
    return { x, y: value, low, high };
  });
  const alt = scores.map((score) => `${score.area}: ${killedText(score)} killed`).join('; ');
  return chartFigure(
    {
      title: 'Mutants killed',
      alt,
      x: {
        label: 'area',
        domain: [-0.5, scores.length - 0.5],
        ticks: scores.map((_, i) => i),
        format: (i) => scores[i]?.area ?? '',
      },
      y: { label: 'share killed', domain: [0, 1], format: (share) => sharePercent(share) },
      panels: [
        { title: '', series: [{ label: 'killed', color: PALETTE[0], kind: 'dots', points }] },
      ],
    },
    'killed.svg',
    'The share of the mutants that was noticed, with its exact 95 % interval.',
  );
}

function scoreTable(rows: readonly Row[]): Table {
  return {
    title: 'Scores',
    heads: ['area', 'mutants', 'by the simulator', 'hang', 'by tests', 'survived', 'killed'],
    rows: scoresOf(rows).map((score) => [
      score.area,
      ...[score.mutants, score.simulator, score.hangs, score.tests, score.survived].map(String),
      killedText(score),
    ]),
    words: 1,
    note: 'The simulator comes first: what it notices is not tried on tests.',
  };
}

const EDIT_HEADS = ['area', 'place', 'rule', 'before', 'after'];

function editCells({ area, file, line, rule, before, after }: Row): string[] {
  return [area, `${file}:${line}`, rule, before, after];
}

function survivorTable(rows: readonly Row[]): Table {
  return {
    title: 'Survivors',
    heads: [...EDIT_HEADS, 'tried'],
    rows: rows.map((row) => [...editCells(row), fateText(row.fate)]),
    words: EDIT_HEADS.length + 1,
    note: rows.length === 0 ? 'There are none.' : 'Each is a test to be written, or is explained.',
  };
}

function allTable(rows: readonly Row[]): Table {
  return {
    title: 'All mutants',
    heads: [...EDIT_HEADS, 'killed by'],
    rows: rows.map((row) => [...editCells(row), fateText(row.fate)]),
    words: EDIT_HEADS.length + 1,
    note: 'Offsets and times are in results.json.',
  };
}

function csvOf(rows: readonly Row[]): string {
  const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  const lines = rows.map((row) => [...editCells(row), fateText(row.fate), String(row.wallMs)]);
  return [[...EDIT_HEADS, 'killed by', 'ms'], ...lines]
    .map((cells) => `${cells.map(quoted).join(',')}\n`)
    .join('');
}
