/** What the study says of elections on a wide-area network. */
import type { Findings, Pairs, Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { milliseconds, sharePercent, shortMs } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import { criticalDistance, distanceBetween } from '../../lab/statistics/distance.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { type FirstElection, WAN_SETUP } from '../../lab/study/first-election.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import { curvesFigure, tailsFigure } from '../../lab/study/leaderless-figures.ts';
import type { About, CellResult } from '../../lab/study/study.ts';
import { SMALL_EFFECT, SOURCE, STATEMENTS, type Statement, TOLERANCE } from './published.ts';
import type { Cell } from './trial.ts';

type Result = CellResult<Cell, FirstElection>;

const QUANTILES = [0.1, 0.5, 0.9, 0.99, 0.999] as const;
const LOGS = ['equal', 'different'] as const;

const SHOWS = [
  'Most elections end with the first server whose timer runs out; each one that does not costs ' +
    'about another timeout, and makes a step in the tail.',
  'Servers that are down cost votes: of a bare majority all must agree, so that two that ask at ' +
    'nearly the same time always split the vote.',
  'With differing logs fewer servers can win, and one that cannot, but whose timer runs out ' +
    'first, costs an election. It does not cost a full timeout: who refuses it keeps its own ' +
    'timer.',
];

const SHOWS_NOT = [
  'The old leader: timers start afresh at once. With one that crashes between two heartbeats all ' +
    'times would be half a heartbeat interval shorter in the mean (§9.4).',
  'Until the others have heard of the new leader: that is one more way of 30 to 40 ms.',
  'Disks, processors and lost messages, which are left out here as they were in the publication.',
  'Which servers are down, where logs differ: here those with the longest logs, as after a ' +
    'leader and who was closest to it have failed. Then 3, 2 and 1 servers can win, as published.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const panels = LOGS.flatMap((logs) => {
    const own = results.filter(({ cell, samples }) => cell.logs === logs && samples.length > 0);
    const curves = own.map(({ cell, samples }) => {
      return { label: `${cell.failed} of 5 down`, ms: sortedMs(samples) };
    });
    return curves.length === 0 ? [] : [{ title: `${logs} logs`, curves }];
  });
  const judged = judgedOf(results, seed);
  return {
    verdict: verdictOf(results, judged),
    holds: judged.every(({ holds }) => holds),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: [
      curvesFigure(panels, 'Time until a server leads', 'leaderless.svg'),
      tailsFigure(panels, 'The elections that take longest', 'tail.svg'),
    ],
    tables: [quantileTable(results, seed), statementTable(judged), distanceTable(results)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Statements of the text ---------------------------------------------------------------------

type Judged = Statement & { readonly measured: Estimate; readonly holds: boolean };

function judgedOf(results: readonly Result[], seed: number): Judged[] {
  return STATEMENTS.flatMap((statement) => {
    const result = resultOf(results, statement.failed, 'equal');
    const ms = result === undefined ? [] : sortedMs(result.samples);
    const measured =
      statement.what === 'mean' ? bootstrapMean(ms, seed) : quantileEstimate(ms, 0.999);
    if (measured === null) return [];
    const ratio = measured.value / statement.ms;
    const holds = statement.how === 'within' ? ratio <= 1 : Math.abs(ratio - 1) <= TOLERANCE;
    return [{ ...statement, measured, holds }];
  });
}

function verdictOf(results: readonly Result[], judged: readonly Judged[]): string {
  const [none, one, two] = [0, 1, 2].map((failed) => {
    const result = resultOf(results, failed, 'equal');
    return result === undefined
      ? null
      : mean(result.samples.map(({ leaderlessMs }) => leaderlessMs));
  });
  const means = [none, one, two].flatMap((ms, failed) =>
    ms === null || ms === undefined ? [] : [`${milliseconds(ms)} with ${failed} of 5 down`],
  );
  const hold = judged.filter(({ holds }) => holds).length;
  const said =
    judged.length === 0 ? '' : `; of ${judged.length} statements of the text ${hold} hold`;
  if (means.length === 0) return `Elections with differing logs alone were measured${said}.`;
  return `In the mean a server leads after ${means.join(', ')}${said}.`;
}

function headlineOf(results: readonly Result[]): string[] {
  return [0, 1, 2].flatMap((failed) => {
    const pair = LOGS.map((logs) => resultOf(results, failed, logs));
    const [equal, different] = pair.map((result) =>
      result === undefined ? null : quantile(sortedMs(result.samples), 0.999),
    );
    if (equal === null || equal === undefined) return [];
    const other =
      different === null || different === undefined
        ? ''
        : `, and ${milliseconds(different)} where logs differ`;
    return [
      `With ${failed} down, 99.9 % of elections end within **${milliseconds(equal)}**${other}.`,
    ];
  });
}

function resultOf(results: readonly Result[], failed: number, logs: Cell['logs']) {
  return results.find(
    ({ cell, samples }) => cell.failed === failed && cell.logs === logs && samples.length > 0,
  );
}

function setupOf(results: readonly Result[]): Pairs {
  const counts = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ...WAN_SETUP,
    ['left out, as then', 'PreVote, CheckQuorum, leader stickiness, latency of disks'],
    ['trials', [...counts].join(' and ')],
    ['measured', 'from the start until a server leads'],
    ['published', SOURCE],
  ];
}

// ---- Tables -------------------------------------------------------------------------------------

function quantileTable(results: readonly Result[], seed: number): Table {
  return {
    title: 'Times until a server leads',
    heads: [
      'logs',
      'down',
      'trials',
      'mean ms',
      ...QUANTILES.map((q) => `p${q * 100}`),
      'repeated',
      'published',
    ],
    words: 1,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const ms = sortedMs(samples);
      const average = bootstrapMean(ms, seed);
      const repeated = samples.filter(({ terms }) => terms > 1).length;
      const share = samples.length === 0 ? null : proportion(repeated, samples.length);
      return [
        cell.logs,
        String(cell.failed),
        count(samples.length),
        withInterval(average, shortMs),
        ...QUANTILES.map((q) => withInterval(quantileEstimate(ms, q), shortMs)),
        withInterval(share, sharePercent),
        '',
      ];
    }),
    note:
      'In milliseconds, each with its 95 % interval: bootstrapped for means, by order statistics ' +
      'for quantiles (… where there are too few trials to bound them), exact for the share of ' +
      'elections that had to be repeated. The last column is empty: the quantiles of the ' +
      'publication are not at hand, and what its text says is below.',
  };
}

function withInterval(
  estimate: (Estimate & { readonly isBounded?: boolean }) | null,
  print: (value: number | null) => string,
): string {
  if (estimate === null) return print(null);
  const open = estimate.isBounded === false ? '…' : '';
  return `${print(estimate.value)} (${print(estimate.low)} to ${print(estimate.high)}${open})`;
}

function statementTable(judged: readonly Judged[]): Table {
  return {
    title: 'What the text says, for equal logs',
    heads: ['down', 'of', 'published', 'measured ms', '95 % interval', 'tolerance', 'verdict'],
    words: 2,
    rows: judged.map(({ failed, holds, how, measured, ms, what }): TableCell[] => [
      String(failed),
      what,
      `${how} ${ms} ms`,
      shortMs(measured.value),
      `${shortMs(measured.low)} to ${shortMs(measured.high)}`,
      how === 'about' ? `${TOLERANCE * 100} %` : 'at most',
      { text: holds ? 'holds' : 'does not hold', tone: holds ? 'good' : 'bad' },
    ]),
    note: `Source: ${SOURCE}.`,
  };
}

function distanceTable(results: readonly Result[]): Table {
  return {
    title: 'Does it matter that logs differ?',
    heads: ['down', 'difference of means ms', 'of the mean', 'verdict', 'distance', 'of chance'],
    words: 1,
    rows: [0, 1, 2].flatMap((failed): TableCell[][] => {
      const [equal, different] = LOGS.map((logs) => resultOf(results, failed, logs));
      if (equal === undefined || different === undefined) return [];
      const [a, b] = [sortedMs(equal.samples), sortedMs(different.samples)];
      const [meanA, meanB] = [mean(a) ?? 0, mean(b) ?? 0];
      const effect = (meanB - meanA) / meanA;
      const isSmall = Math.abs(effect) <= SMALL_EFFECT;
      return [
        [
          String(failed),
          shortMs(meanB - meanA),
          `${(100 * effect).toFixed(0)} %`,
          { text: isSmall ? 'small' : 'not small', tone: isSmall ? 'good' : 'bad' },
          distanceBetween(a, b).toFixed(3),
          criticalDistance(a.length, b.length).toFixed(3),
        ],
      ];
    }),
    note:
      `§9.5 calls the effect small, without a number; here that is up to ${SMALL_EFFECT * 100} % ` +
      'of the mean. The distance is Kolmogorov and Smirnov’s, between the two distributions; ' +
      'beside it what chance exceeds in one of twenty studies if they were the same. Beyond it ' +
      'the effect is there, small or not.',
  };
}
