/** What the experiment says: put together once, as data, and written as Markdown and as a page. */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PLACE_NAMES, PLACES, type Place } from '../places.ts';
import { type Column, NOTHING, sharePercent, shortNumber, textTable } from '../report/table.ts';
import { writeWhole } from '../report/write-whole.ts';
import type { Manifest } from '../results.ts';
import { formatSchedule } from '../schedule-file.ts';
import type { Plan } from './arguments.ts';
import { isOfKind, MUTANT_KINDS, mutantNamed, NO_MUTANT } from './catalogue.ts';
import { complaintsOf, type MutantsDocument, type Summary, summariesOf } from './document.ts';
import { reportMarkdown } from './markdown.ts';
import type { MedianInterval } from './order-statistics.ts';
import { reportPage } from './page.ts';
import { seedsPlot } from './plot.ts';
import { type GroupResult, INVARIANT } from './search.ts';

export const QUESTION = 'How soon does the simulator find each known bug of Raft?';

/** Of a terminal's line, for the property that caught a mutant. */
const CHECKER_COLUMNS = 26;

export type Table = { readonly heads: readonly string[]; readonly rows: readonly string[][] };

export type Content = {
  readonly question: string;
  readonly passed: boolean;
  readonly verdict: string;
  readonly complaints: readonly string[];
  readonly headline: readonly string[];
  readonly setup: readonly (readonly [string, string])[];
  readonly plot: { readonly file: string; readonly svg: string; readonly caption: string };
  readonly results: Table;
  readonly resultsNote: string;
  readonly kinds: Table;
  readonly reached: Table;
  readonly bugs: Table;
  readonly shows: readonly string[];
  readonly showsNot: readonly string[];
  readonly provenance: readonly (readonly [string, string])[];
  readonly command: string;
};

const SHOWS = [
  'That the simulator and its checkers have teeth: each mutant is a bug that a programmer could ' +
    'make or has made, put into the code by the smallest edit, and nothing else is changed.',
  'What a bug costs to find: a seed is a whole run of a cluster under faults, and a bug that ' +
    'takes a hundred of them is one that a test of a few scenarios passes by.',
  'That the checkers are quiet where nothing is wrong, over the seeds of the code as it is.',
];

const SHOWS_NOT = [
  'What bugs nobody has thought of would take. The mutants are known bugs, and schedules were ' +
    'drawn with such bugs in mind.',
  'That a bug is as hard to find elsewhere: the number of seeds depends on how schedules are ' +
    'drawn, and the seconds on the machine.',
  'That each property is needed: the first one that is broken ends a run, and the invariants ' +
    'that every server checks by itself come first.',
];

/** Writes all files, each whole; the page comes last. Returns its path. */
export async function writeReport(
  directory: string,
  plan: Plan,
  results: readonly GroupResult[],
  document: MutantsDocument,
  manifest: Manifest,
): Promise<string> {
  const content = contentOf(plan, results, document, manifest);
  await writeSchedules(join(directory, 'schedules'), results);
  await writeWhole(directory, 'results.json', documentText(document));
  await writeWhole(directory, 'manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  await writeWhole(directory, content.plot.file, content.plot.svg);
  await writeWhole(directory, 'report.md', reportMarkdown(content));
  return writeWhole(directory, 'report.html', reportPage(content));
}

/** Those of an earlier run go once the new ones are there. */
async function writeSchedules(directory: string, results: readonly GroupResult[]): Promise<void> {
  const before = existsSync(directory) ? readdirSync(directory) : [];
  const written = new Set<string>();
  for (const { mutant, shrunk } of results) {
    if (shrunk === null) continue;
    const file = `${mutant}.json`;
    await writeWhole(directory, file, formatSchedule(shrunk.schedule));
    written.add(file);
  }
  for (const file of before) if (!written.has(file)) rmSync(join(directory, file));
}

/** A line for each row, so that a change of one search is a change of one line. */
export function documentText({ rows, shrunk, tested, ...head }: MutantsDocument): string {
  const lines = (items: readonly unknown[]): string =>
    items.map((item) => `\n    ${JSON.stringify(item)}`).join(',');
  const start = JSON.stringify(head, null, 2).replace(/\n}$/, '');
  const tables = Object.entries({ tested, rows, shrunk }).map(
    ([name, items]) => `  "${name}": [${lines(items)}\n  ]`,
  );
  return `${[start, ...tables].join(',\n')}\n}\n`;
}

/** The table for a terminal, at most `columns` wide. */
export function terminalTable(results: readonly GroupResult[], columns: number): string {
  const summaries = summariesOf(results);
  const limit = limitOf(results);
  const table: Column[] = [
    { head: 'mutant', cells: summaries.map(({ mutant }) => mutant), left: true },
    { head: 'seeds', cells: summaries.map(({ seeds }) => seedsText(seeds.median, limit)) },
    { head: '95 %', cells: summaries.map(({ seeds }) => intervalText(seeds, limit)), drop: 3 },
    { head: 'seconds', cells: summaries.map(secondsText), drop: 4 },
    { head: 'shrunk', cells: summaries.map(shrunkText), drop: 5 },
    {
      head: 'caught by',
      cells: summaries.map(({ checkers }) => shortened(checkers[0] ?? NOTHING)),
      left: true,
    },
  ];
  return textTable(table, columns).join('\n');
}

function contentOf(
  plan: Plan,
  results: readonly GroupResult[],
  document: MutantsDocument,
  manifest: Manifest,
): Content {
  const summaries = summariesOf(results);
  const complaints = complaintsOf(document);
  const limit = limitOf(results);
  return {
    question: QUESTION,
    passed: complaints.length === 0,
    verdict: verdictOf(document, middleText(summaries, limit), complaints.length),
    complaints,
    headline: headlineOf(summaries, limit),
    setup: setupOf(plan, document),
    plot: {
      file: 'seeds.svg',
      svg: seedsPlot(summaries, limit),
      caption:
        'The sooner a mutant is caught, the further left it stands. One with a red dot at the ' +
        'end of the scale was not caught in half of its searches or more.',
    },
    results: resultsTable(summaries, limit),
    resultsNote:
      'Seeds: the median over the searches, with the interval between two of them that holds the ' +
      'true median with 95 % confidence whatever the distribution (order statistics; from six ' +
      'searches on). Seconds: the median, on one core. Shrunk: nodes, faults and operations of ' +
      'one failing schedule after delta debugging; it is in schedules/. By the lab alone: where ' +
      'an invariant of the servers comes first, what catches the mutant once they check none.',
    kinds: kindsTable(summaries, document, limit),
    reached: reachedTable(document),
    bugs: bugsTable([...summaries, ...document.tested]),
    shows: SHOWS,
    showsNot: SHOWS_NOT,
    provenance: provenanceOf(manifest),
    command: manifest.command,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf({ rows }: MutantsDocument, middle: string, complaints: number): string {
  if (complaints > 0) return 'The lab missed a bug, or took correct code for wrong.';
  const mutants = new Set(rows.map(({ factors }) => factors.mutant));
  const clean = rows.filter(({ factors }) => factors.mutant === NO_MUTANT);
  const seeds = clean.reduce((sum, { metrics }) => sum + metrics.seedsRun, 0);
  const caught = mutants.size - (mutants.has(NO_MUTANT) ? 1 : 0);
  const parts = [
    caught === 0
      ? ''
      : caught === 1
        ? 'The mutant was caught'
        : `All ${caught} mutants were caught, half of them within ${middle}`,
    seeds === 0 ? '' : `the code as it is raised no alarm in ${seeds.toLocaleString('en')} seeds`,
  ].filter((part) => part !== '');
  const sentence = parts.join(', and ');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

/** What the mutant in the middle takes, in the median of its searches. */
function middleText(summaries: readonly Summary[], limit: number): string {
  const median = middleOf(summaries)?.seeds.median ?? 0;
  return `${seedsText(median, limit)} ${median === 1 ? 'seed' : 'seeds'}`;
}

/** Of the mutants, the soonest caught first. */
function middleOf(summaries: readonly Summary[]): Summary | undefined {
  return summaries[Math.floor((summaries.length - 1) / 2)];
}

function headlineOf(summaries: readonly Summary[], limit: number): string[] {
  const hardest = summaries.at(-1);
  const middle = middleOf(summaries);
  if (hardest === undefined || middle === undefined) return [];
  const first = summaries.filter(({ seeds }) => seeds.median <= 1).length;
  return [
    `Seeds until caught, in the median: half of the mutants take ` +
      `**${seedsText(middle.seeds.median, limit)}** at most, **${first}** of ${summaries.length} ` +
      `only one. The hardest is **${hardest.mutant}**, with ` +
      `**${seedsText(hardest.seeds.median, limit)}**.`,
  ];
}

function setupOf(plan: Plan, { rows }: MutantsDocument): [string, string][] {
  const clean = plan.clean.map(({ profile, seeds }) => `${seeds.toLocaleString('en')} ${profile}`);
  const names = new Set(rows.map(({ factors }) => factors.mutant));
  names.delete(NO_MUTANT);
  return [
    ['mutants', String(names.size)],
    ['searches for each', `${plan.repeats}, over other seeds`],
    ['seeds of a search', `${plan.seeds.toLocaleString('en')} at most`],
    ['schedules', `profile ${plan.profile}`],
    ['the code as it is', clean.length === 0 ? 'not run' : `seeds: ${clean.join(', ')}`],
    ['runs spent on shrinking', `${plan.shrinkRuns} at most`],
  ];
}

function provenanceOf({ commit, nodeVersion, machine, seed, ...times }: Manifest) {
  const { cpu, cores, platform, arch } = machine;
  return [
    ['commit', commit ?? 'not in a repository'],
    ['Node', nodeVersion],
    ['machine', `${cpu}, ${cores} cores, ${platform} ${arch}`],
    ['first seed', String(seed)],
    ['started', times.startedAt],
    ['finished', times.finishedAt],
  ] as const;
}

// ---- Tables -------------------------------------------------------------------------------------

function resultsTable(summaries: readonly Summary[], limit: number): Table {
  return {
    heads: [
      'mutant',
      'seeds',
      '95 % interval',
      'caught',
      'seconds',
      'shrunk',
      'caught by',
      'by the lab alone',
    ],
    rows: summaries.map((summary) => [
      summary.mutant,
      seedsText(summary.seeds.median, limit),
      intervalText(summary.seeds, limit),
      `${summary.caught}/${summary.searches}`,
      secondsText(summary),
      shrunkText(summary),
      summary.checkers.join('; ') || NOTHING,
      isInvariant(summary) ? (summary.labAlone ?? 'not caught') : '',
    ]),
  };
}

function isInvariant({ checkers: [usual = ''] }: Summary): boolean {
  return usual.startsWith(INVARIANT);
}

function kindsTable(
  summaries: readonly Summary[],
  { tested }: MutantsDocument,
  limit: number,
): Table {
  return {
    heads: ['what they are about', 'mutants', 'caught', 'seeds, median of them', 'hardest'],
    rows: MUTANT_KINDS.flatMap((kind) => {
      const own = summaries.filter(({ mutant }) => isOfKind(mutant, kind));
      const byTests = tested.filter(({ mutant }) => isOfKind(mutant, kind));
      const all = own.length + byTests.length;
      if (all === 0) return [];
      const caught =
        own.filter((each) => each.caught > 0).length +
        byTests.filter(({ test }) => test !== null).length;
      const middle = middleOf(own);
      const hardest = own.at(-1)?.mutant ?? byTests[0]?.test ?? NOTHING;
      const seeds = middle === undefined ? 'by tests' : seedsText(middle.seeds.median, limit);
      return [[kind, String(all), String(caught), seeds, hardest]];
    }),
  };
}

/** The places that fewest runs came to stand first. */
function reachedTable({ reached }: MutantsDocument): Table {
  const shareOf = (place: Place): number =>
    Math.max(0, ...reached.map(({ places, seeds }) => (places[place] ?? 0) / seeds));
  return {
    heads: ['place', ...reached.map(({ profile }) => profile), 'what it is'],
    rows:
      reached.length === 0
        ? []
        : PLACE_NAMES.toSorted((a, b) => shareOf(a) - shareOf(b)).map((place) => [
            place,
            ...reached.map(({ places, seeds }) => sharePercent((places[place] ?? 0) / seeds)),
            PLACES[place],
          ]),
  };
}

function bugsTable(summaries: readonly Pick<Summary, 'mutant'>[]): Table {
  return {
    heads: ['mutant', 'the bug', 'known from', 'file'],
    rows: summaries.map(({ mutant }) => {
      const { what, knownFrom, file } = mutantNamed(mutant);
      return [mutant, what, knownFrom, file];
    }),
  };
}

/** The longest search of a mutant: the numbers beyond it are not known. */
function limitOf(results: readonly GroupResult[]): number {
  const own = results.filter(({ mutant }) => mutant !== NO_MUTANT);
  return Math.max(1, ...own.flatMap(({ found }) => found.map(({ count }) => count)));
}

/** The invariants of a server are whole sentences; the reports have room for them. */
function shortened(checker: string): string {
  return checker.length <= CHECKER_COLUMNS ? checker : `${checker.slice(0, CHECKER_COLUMNS - 1)}…`;
}

function seedsText(seeds: number, limit: number): string {
  return seeds > limit ? `>${limit.toLocaleString('en')}` : seeds.toLocaleString('en');
}

function intervalText({ low, high }: MedianInterval, limit: number): string {
  if (low === null || high === null) return NOTHING;
  return `${seedsText(low, limit)} – ${seedsText(high, limit)}`;
}

function secondsText({ seconds }: Summary): string {
  return Number.isFinite(seconds.median) ? shortNumber(seconds.median) : NOTHING;
}

function shrunkText({ shrunk }: Summary): string {
  if (shrunk === null) return NOTHING;
  return `${shrunk.nodes} · ${shrunk.faults} · ${shrunk.operations}`;
}
