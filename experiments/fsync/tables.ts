/** The study's tables. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { quantile } from '../../lab/report/stats.ts';
import { NOTHING, sharePercent, shortMs, shortNumber } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import {
  costSamples,
  countedOf,
  middleOf,
  nameOf,
  ofWay,
  type Result,
  shareOf,
  waysOf,
} from './counts.ts';
import { LOSSES, type Loss } from './policies.ts';
import { requirementsOf } from './requirements.ts';

/** Of a sync: as long as the longest takes. */
const LONGEST_SYNC = 1.1;

export const LOSS_NAMES: Readonly<Record<Loss, string>> = {
  none: 'nobody',
  follower: 'a follower',
  leader: 'the leader',
  majority: 'a majority',
  all: 'all servers',
  voter: 'a voter',
};

export function tablesOf(results: readonly Result[]): Table[] {
  const tables = [
    requirementTable(results),
    costTable(results),
    lossTable(results),
    ageTable(results),
    voteTable(results),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function requirementTable(results: readonly Result[]): Table {
  return {
    title: 'What §3.8 leads to expect',
    heads: ['of', 'expected', 'trials', 'seen in', '95 % interval', 'verdict'],
    words: 2,
    rows: requirementsOf(results).map(({ about, counted, expected, holds }): TableCell[] => [
      about,
      expected,
      count(counted.trials),
      count(counted.struck),
      between(shareOf(counted), sharePercent),
      { text: holds ? 'holds' : 'does not hold', tone: holds ? 'good' : 'bad' },
    ]),
    note:
      'Raft’s safety rests on term, vote and log being on stable storage before a server ' +
      'answers. Intervals of the share of trials are exact (Clopper and Pearson).',
  };
}

function costTable(results: readonly Result[]): Table {
  const rows = results.flatMap((result): TableCell[][] => {
    const costs = costSamples(result);
    if (costs.length === 0) return [];
    const rate = middleOf(costs, 'writesPerSecond');
    const p50 = middleOf(costs, 'p50Ms');
    const p99 = middleOf(costs, 'p99Ms');
    return [
      [
        nameOf(result.cell),
        String(result.cell.syncMs),
        shortNumber(rate?.value ?? null),
        between(rate, shortNumber),
        shortMs(p50?.value ?? null),
        between(p50, shortMs),
        shortMs(p99?.value ?? null),
        between(p99, shortMs),
      ],
    ];
  });
  return {
    title: 'What a write costs',
    heads: [
      'policy',
      'sync ms',
      'writes/s',
      'interval',
      'p50 ms',
      'interval',
      'p99 ms',
      'interval',
    ],
    words: 1,
    rows,
    note:
      'Of the trial in the middle; its interval is by order statistics, over trials, and with ' +
      'fewer than six trials it spans them all.',
  };
}

function lossTable(results: readonly Result[]): Table {
  const losses = LOSSES.filter((loss) => loss !== 'none' && loss !== 'voter');
  const rows = waysOf(results).flatMap((way) =>
    losses.flatMap((loss): TableCell[][] => {
      const counted = countedOf(results, ofWay(way, loss));
      const share = shareOf(counted);
      if (share === null) return [];
      const { behindTrials, lost, oldestMs, refusing, struck, trials } = counted;
      return [
        [
          nameOf(way),
          LOSS_NAMES[loss],
          count(trials),
          { text: count(struck), tone: struck === 0 ? 'good' : 'bad' },
          between(share, sharePercent),
          shortNumber(quantile(lost, 0.5)),
          shortNumber(lost.at(-1) ?? null),
          shortMs(oldestMs.at(-1) ?? null),
          refusing === 0 ? NOTHING : count(refusing),
          behindTrials === 0 ? NOTHING : { text: count(behindTrials), tone: 'fair' },
        ],
      ];
    }),
  );
  return {
    title: 'Acknowledged writes lost',
    heads: [
      'policy',
      'power fails of',
      'trials',
      'with a loss',
      '95 % interval',
      'lost, median',
      'most',
      'oldest ms',
      'servers that refused',
      'trials with one left behind',
    ],
    words: 2,
    rows,
    note:
      'Over all durations of a sync. Medians are of the trials that lost any; the oldest is how ' +
      'long before the failure a lost write had been acknowledged, at most.',
  };
}

/** No write that was older than a flush and its sync may be lost. */
function ageTable(results: readonly Result[]): Table {
  const rows = results.flatMap(({ cell, samples }): TableCell[][] => {
    if (cell.policy !== 'lazy' || cell.loss !== 'all' || samples.length === 0) return [];
    const { oldestMs } = countedOf([{ cell, samples }], () => true);
    const bound = cell.flushMs + cell.syncMs * LONGEST_SYNC;
    const most = oldestMs.at(-1) ?? 0;
    const holds = most <= bound;
    return [
      [
        `${cell.flushMs} ms`,
        String(cell.syncMs),
        shortMs(quantile(oldestMs, 0.5)),
        shortMs(most),
        shortMs(bound),
        { text: holds ? 'within' : 'beyond', tone: holds ? 'good' : 'bad' },
      ],
    ];
  });
  return {
    title: 'How old what is lost can be',
    heads: ['flushed every', 'sync ms', 'oldest, median ms', 'most', 'theory: at most', 'verdict'],
    words: 1,
    rows,
    note:
      'When all servers lose their power. A write that has waited for a flush interval, and for ' +
      'the longest sync after it, lies on every disk that has it.',
  };
}

function voteTable(results: readonly Result[]): Table {
  const rows = waysOf(results).flatMap((way): TableCell[][] => {
    const counted = countedOf(results, ofWay(way, 'voter'));
    const share = shareOf(counted);
    if (share === null) return [];
    const { struck, trials } = counted;
    return [
      [
        nameOf(way),
        count(trials),
        { text: count(struck), tone: struck === 0 ? 'good' : 'bad' },
        sharePercent(share.value),
        between(share, sharePercent),
      ],
    ];
  });
  return {
    title: 'Two leaders of one term',
    heads: ['policy', 'trials', 'with two leaders', 'share', '95 % interval'],
    words: 1,
    rows,
    note: 'After a server had voted, lost its power, and was asked again by another candidate.',
  };
}

function between(of: Estimate | null, write: (value: number) => string): string {
  return of === null ? NOTHING : `${write(of.low)} to ${write(of.high)}`;
}
