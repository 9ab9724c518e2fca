/** What the study says: starts in different terms beside a start in one. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { shareText } from '../../lab/report/estimates.ts';
import { count } from '../../lab/report/samples.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { milliseconds, sharePercent } from '../../lab/report/table.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { curvesFigure, preVoteText, spreadFigure } from './figures.ts';
import { AHEAD, firstWinsShare, startOf, startText } from './starts.ts';
import { electionsTable, timesTable } from './tables.ts';
import { type Cell, ELECTION_TIMEOUT_MS, HEARTBEAT_MS, LINK, type Sample } from './trial.ts';

type Result = CellResult<Cell, Sample>;

const SHOWS = [
  'A candidate asks in its own term and one. Who is in a later one refuses, and the candidate ' +
    'that hears it steps down, even if a majority is about to grant its votes (§3.3): it wins ' +
    'only if the first two to answer both grant theirs. The expected shares in the last table ' +
    'follow from that alone.',
  'What counts is the order of the terms, not the distance: a difference of 1 costs nothing ' +
    'without PreVote, and one of 1,000 as much as one of 100.',
  'A leader elected below the highest term does not last: the server in that term answers its ' +
    'first heartbeat with it, and the leader steps down (§3.3).',
  'With PreVote a request lifts nobody’s term, only an answer does. So leaders that are elected ' +
    'last, but before that more servers have to find out by being refused.',
];

const SHOWS_NOT = [
  'Terms that go apart while the cluster runs: there a leader’s heartbeats level them. Here ' +
    'everybody starts at once, as after a power failure or a restore from old disks.',
  'Other readings of §9.6: this node refuses a pre-vote to a sender in an earlier term, even by ' +
    '1, where the vote itself would be granted.',
  'CheckQuorum and leader stickiness, which are off; disks take no time, and nothing is lost.',
  'Links whose latency comes close to the timeouts: split votes then add to all of these times.',
];

export function findings(results: readonly Result[]): Findings {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return {
    verdict: verdictOf(measured),
    headline: headlineOf(measured),
    setup: setupOf(results),
    figures: [curvesFigure(measured), spreadFigure(measured)],
    tables: [timesTable(measured), electionsTable(measured)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function medianMs(result: Result): number {
  return quantile(sortedMs(result.samples), 0.5) ?? 0;
}

function verdictOf(results: readonly Result[]): string {
  const told = [false, true].flatMap((preVote) => {
    const own = results.filter(({ cell }) => cell.preVote === preVote);
    const [base, ...others] = toldOf(own).map(
      ({ cell, samples }) => `${milliseconds(medianMs({ cell, samples }))} ${fromText(cell)}`,
    );
    if (base === undefined || others.length === 0) return [];
    return [`${preVoteText(preVote)} ${base}, ${others.join(' and ')}`];
  });
  if (told.length === 0) {
    return 'A start in equal terms and one in different terms were not both measured.';
  }
  return `The median time to a lasting leader is ${told.join('; and ')}.`;
}

/** Equal terms, the widest spread, and what takes longest if that is neither. */
function toldOf(results: readonly Result[]): Result[] {
  const equal = results.find(({ cell }) => isEqual(cell));
  if (equal === undefined) return [];
  const others = results.filter((result) => result !== equal);
  const widest = others
    .filter(({ cell }) => startOf(cell.terms)?.kind === 'spread')
    .sort((a, b) => spreadOf(b) - spreadOf(a))[0];
  const slowest = others.toSorted((a, b) => medianMs(b) - medianMs(a))[0];
  return [...new Set([equal, widest ?? equal, slowest ?? equal])];
}

function spreadOf({ cell }: Result): number {
  const start = startOf(cell.terms);
  return start?.kind === 'spread' ? start.spread : 0;
}

function fromText({ terms }: Cell): string {
  if (startOf(terms)?.kind === 'ahead') return `with ${startText(terms)}`;
  return `from terms ${startText(terms)}`;
}

function isEqual({ terms }: Cell): boolean {
  const start = startOf(terms);
  return start?.kind === 'spread' && start.spread === 0;
}

function headlineOf(results: readonly Result[]): string[] {
  const widest = results
    .filter(({ cell }) => !cell.preVote)
    .toSorted((a, b) => spreadOf(b) - spreadOf(a))[0];
  if (widest === undefined || spreadOf(widest) === 0) return [];
  const { cell, samples } = widest;
  const first = samples.filter(({ firstWon }) => firstWon).length;
  const campaigns = mean(samples.map((sample) => sample.campaigns)) ?? 0;
  const start = startOf(cell.terms);
  const expected = start === undefined ? null : firstWinsShare(start);
  return [
    `With terms ${startText(cell.terms)}, ${preVoteText(false)}, the first candidate wins ` +
      `**${shareText(first, samples.length)}** of the elections that it begins (expected: ` +
      `${sharePercent(expected)}), and **${campaigns.toFixed(2)}** are begun until a leader lasts.`,
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ['servers', '5, started at the same moment, timers fresh'],
    [
      'terms',
      'drawn for each server and trial, uniformly from the lowest up to the spread above it',
    ],
    ['one ahead', `the first server ${count(AHEAD)} terms above the others`],
    ['logs', 'equal, of one entry; “its log behind” lacks it, and so can win no election'],
    ['election timeouts', `${ELECTION_TIMEOUT_MS.join(' to ')} ms, drawn to the microsecond`],
    ['heartbeat', `${HEARTBEAT_MS} ms`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform, drawn for each message`],
    ['left out', 'CheckQuorum, leader stickiness; latency of disks; loss'],
    ['trials', `${[...trials].join(' and ')} of each cell`],
    ['measured', 'from the start until that election is won whose leader all servers then follow'],
    ['published', 'nothing: §9.7 of the dissertation names the question and leaves it open'],
  ];
}
