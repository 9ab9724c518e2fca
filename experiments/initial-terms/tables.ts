/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { estimateCells, quantileCells, shareSpan } from '../../lab/report/estimates.ts';
import { NOTHING } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { sortedMs } from '../../lab/study/leaderless.ts';
import type { CellResult } from '../../lab/study/study.ts';
import { firstWinsShare, startOf, startText } from './starts.ts';
import type { Cell, Sample } from './trial.ts';

type Result = CellResult<Cell, Sample>;

/** What rivals that time out within a message's way may take from the expected share. */
const TOLERANCE = 0.01;
const RESAMPLING_SEED = 1;

export function timesTable(results: readonly Result[]): Table {
  return {
    title: 'Times to a leader',
    heads: [
      'terms',
      'PreVote',
      'first p50 ms',
      '95 % interval',
      'lasting p50 ms',
      '95 % interval',
      'p99 ms',
      '95 % interval',
    ],
    words: 2,
    rows: results.map(({ cell, samples }) => {
      const first = samples.map(({ firstMs }) => firstMs).sort((a, b) => a - b);
      const lasting = sortedMs(samples);
      return [
        startText(cell.terms),
        onOff(cell),
        ...quantileCells(first, 0.5),
        ...quantileCells(lasting, 0.5),
        ...quantileCells(lasting, 0.99),
      ];
    }),
    note:
      'First: somebody wins an election. Lasting: the one whom all servers then follow does. ' +
      'Intervals are by order statistics and assume nothing of the distribution; “…” stands ' +
      'where the last sample ends one because too few lie beyond.',
  };
}

export function electionsTable(results: readonly Result[]): Table {
  return {
    title: 'Elections',
    heads: [
      'terms',
      'PreVote',
      'begun',
      '95 % interval',
      'leader replaced, %',
      'first candidate wins, %',
      'expected, %',
      'verdict',
    ],
    words: 2,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const begun = bootstrapMean(
        samples.map(({ campaigns }) => campaigns),
        RESAMPLING_SEED,
      );
      return [
        startText(cell.terms),
        onOff(cell),
        ...estimateCells(begun, (value) => value?.toFixed(2) ?? NOTHING),
        shareSpan(samples.filter(({ won }) => won > 1).length, samples.length),
        shareSpan(firstWins(samples), samples.length),
        ...expectedCells(cell, samples),
      ];
    }),
    note:
      'Begun: elections in which somebody asked for votes, until the lasting leader, on average, ' +
      'with bootstrapped intervals; shares have exact ones. Leader replaced: starts in ' +
      'which the first winner did not last. Expected: of the first candidate, if nobody else ' +
      `campaigns meanwhile; within means that the interval holds it, give or take ` +
      `${TOLERANCE * 100} % for rivals that do. With PreVote who asks for votes has been told ` +
      'already that it can win.',
  };
}

function firstWins(samples: readonly Sample[]): number {
  return samples.filter(({ firstWon }) => firstWon).length;
}

function expectedCells({ preVote, terms }: Cell, samples: readonly Sample[]): TableCell[] {
  const start = startOf(terms);
  if (preVote || start === undefined || samples.length === 0) return [NOTHING, NOTHING];
  const expected = firstWinsShare(start);
  const { high, low } = proportion(firstWins(samples), samples.length);
  const isWithin = expected >= low - TOLERANCE && expected <= high + TOLERANCE;
  return [
    (expected * 100).toFixed(1),
    { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' },
  ];
}

function onOff({ preVote }: Cell): string {
  return preVote ? 'on' : 'off';
}
