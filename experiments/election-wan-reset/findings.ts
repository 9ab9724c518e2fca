/** What the study says of timers that later terms reset. */
import type { Findings, Pairs, Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { milliseconds, shortMs } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { type FirstElection, WAN_SETUP } from '../../lab/study/first-election.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import { curvesFigure, tailsFigure } from '../../lab/study/leaderless-figures.ts';
import type { About, CellResult } from '../../lab/study/study.ts';
import type { Cell } from './trial.ts';

type Result = CellResult<Cell, FirstElection>;

/** The two ways of one situation, and what the reset costs there: of each seed, later or sooner. */
type Pair = {
  readonly failed: number;
  readonly logs: Cell['logs'];
  readonly without: readonly FirstElection[];
  readonly withReset: readonly FirstElection[];
  readonly costMs: Estimate;
};

const LOGS = ['equal', 'different'] as const;

const SHOWS = [
  'Who refuses its vote has no reason to wait: it may be the one that can win. If it starts its ' +
    'timer anew all the same, whoever cannot win but times out first postpones everybody else, ' +
    'election after election.',
  'With equal logs hardly anybody refuses a vote that it still has, so that there is little to ' +
    'see.',
  'Figure 3.1 has timers reset by a granted vote and by the word of a leader alone. That is the ' +
    'reason, and it is easy to miss: the two differ in one line.',
];

const SHOWS_NOT = [
  'That a reset breaks anything but time: it is as safe.',
  'PreVote (§9.6), with which a server that cannot win does not begin a term in the first place.',
  'Timers of candidates that step down on hearing a leader: these are reset either way.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const pairs = pairsOf(results, seed);
  const panels = LOGS.flatMap((logs) =>
    pairs
      .filter((pair) => pair.logs === logs)
      .map(({ failed, withReset, without }) => ({
        title: `${logs} logs, ${failed} of 5 down`,
        curves: [
          { label: 'as in figure 3.1', ms: sortedMs(without) },
          { label: 'later terms reset timers', ms: sortedMs(withReset) },
        ],
      })),
  );
  return {
    verdict: verdictOf(pairs),
    headline: headlineOf(pairs),
    setup: setupOf(results),
    figures: [
      curvesFigure(panels, 'Time until a server leads', 'leaderless.svg', 3),
      tailsFigure(panels, 'The elections that take longest', 'tail.svg', 3),
    ],
    tables: [pairTable(pairs, seed)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function pairsOf(results: readonly Result[], seed: number): Pair[] {
  const whole = results.filter(({ failed = 0 }) => failed === 0);
  return whole.flatMap(({ cell, samples: without }) => {
    if (cell.reset) return [];
    const { failed, logs } = cell;
    const other = whole.find(
      (each) => each.cell.reset && each.cell.failed === failed && each.cell.logs === logs,
    );
    const withReset = other?.samples ?? [];
    // Seeds are shared, so that the trials can be taken in pairs where none is missing.
    if (withReset.length !== without.length) return [];
    const costs = withReset.map(
      ({ leaderlessMs }, i) => leaderlessMs - (without[i]?.leaderlessMs ?? 0),
    );
    const costMs = bootstrapMean(costs, seed);
    return costMs === null ? [] : [{ failed, logs, without, withReset, costMs }];
  });
}

function meanMs(samples: readonly FirstElection[]): number {
  return mean(samples.map(({ leaderlessMs }) => leaderlessMs)) ?? 0;
}

function verdictOf(pairs: readonly Pair[]): string {
  const worst = pairs.toSorted((a, b) => b.costMs.value - a.costMs.value)[0];
  if (worst === undefined)
    return 'Only one of the two ways was measured whole, so nothing is compared.';
  const { costMs, failed, logs, withReset, without } = worst;
  if (costMs.low <= 0) return 'No difference was found: all intervals of the cost include zero.';
  const clear = pairs.filter((pair) => pair.costMs.low > 0).length;
  const ratio = meanMs(withReset) / meanMs(without);
  return (
    `It does in ${clear} of ${pairs.length} situations: at worst, with ${logs} logs and ` +
    `${failed} of 5 down, an election takes ${ratio.toFixed(1)} times as long in the mean when ` +
    `later terms reset timers, ${milliseconds(meanMs(withReset))} for ` +
    `${milliseconds(meanMs(without))}.`
  );
}

function headlineOf(pairs: readonly Pair[]): string[] {
  return LOGS.flatMap((logs) => {
    const own = pairs.filter((pair) => pair.logs === logs);
    if (own.length === 0) return [];
    const costs = own.map(({ costMs, failed }) => {
      const { high, low, value } = costMs;
      return `**${shortMs(value)} ms** (${shortMs(low)} to ${shortMs(high)}) with ${failed} down`;
    });
    return [`With ${logs} logs a reset costs ${costs.join(', ')}.`];
  });
}

function setupOf(results: readonly Result[]): Pairs {
  const counts = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ...WAN_SETUP,
    ['left out', 'PreVote, CheckQuorum, leader stickiness, latency of disks'],
    [
      'reset',
      'a follower that learns of a later term draws a new timeout, whether it votes or not',
    ],
    ['trials', `${[...counts].join(' and ')} of each cell; both ways meet the same seeds`],
  ];
}

function pairTable(pairs: readonly Pair[], seed: number): Table {
  const cells = (samples: readonly FirstElection[]): TableCell[] => {
    const ms = sortedMs(samples);
    const average = bootstrapMean(ms, seed);
    const median = quantileEstimate(ms, 0.5);
    return [
      `${shortMs(average?.value ?? null)} (${shortMs(average?.low ?? null)} to ` +
        `${shortMs(average?.high ?? null)})`,
      shortMs(median?.value ?? null),
      shortMs(quantile(ms, 0.99)),
      (mean(samples.map(({ terms }) => terms)) ?? 0).toFixed(2),
    ];
  };
  const heads = ['mean ms', 'p50', 'p99', 'terms'];
  return {
    title: 'Both ways',
    heads: [
      'logs',
      'down',
      ...heads,
      ...heads.map((head) => `reset: ${head}`),
      'cost of the reset ms',
    ],
    words: 1,
    rows: pairs.map(({ costMs, failed, logs, withReset, without }): TableCell[] => [
      logs,
      String(failed),
      ...cells(without),
      ...cells(withReset),
      {
        text: `${shortMs(costMs.value)} (${shortMs(costMs.low)} to ${shortMs(costMs.high)})`,
        tone: costMs.low > 0 ? 'bad' : 'quiet',
      },
    ]),
    note:
      'Means with 95 % intervals, bootstrapped; the cost is the mean of the differences of ' +
      'trials with the same seed. No values are published.',
  };
}
