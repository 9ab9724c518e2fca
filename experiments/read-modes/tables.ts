/** The study's tables. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { NOTHING, sharePercent, shortMs, shortNumber } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import {
  costSamples,
  countedOf,
  countOf,
  middleOf,
  ofUsualBound,
  type Result,
  STORIES,
  STORY_NAMES,
  shareOf,
  staleSamples,
} from './counts.ts';
import { requirementsOf } from './requirements.ts';
import { MODE_NAMES, MODES, SERVERS } from './situations.ts';

/** Of the messages that theory counts. */
const TOLERANCE_MESSAGES = 0.1;

/** A read that is alone: §6.4, steps 2 and 3; a follower asks its leader first. */
const THEORY: Readonly<Record<(typeof MODES)[number], number>> = {
  linearizable: 2 * (SERVERS - 1),
  lease: 0,
  follower: 2 + 2 * (SERVERS - 1),
  log: 2 * (SERVERS - 1),
  stale: 0,
};

export function tablesOf(results: readonly Result[]): Table[] {
  const tables = [requirementTable(results), costTable(results), staleTable(results)];
  return [...tables, driftTable(results)].filter(({ rows }) => rows.length > 0);
}

function requirementTable(results: readonly Result[]): Table {
  return {
    title: 'What §6.4 leads to expect',
    heads: ['reads', 'stale', 'trials', 'with stale reads', 'share', '95 % interval', 'verdict'],
    words: 2,
    rows: requirementsOf(results).map(({ about, counted, expected, holds }): TableCell[] => {
      const share = shareOf(counted);
      return [
        about,
        expected,
        count(counted.trials),
        count(counted.staleTrials),
        sharePercent(share?.value ?? null),
        between(share, sharePercent),
        { text: holds ? 'holds' : 'does not hold', tone: holds ? 'good' : 'bad' },
      ];
    }),
    note:
      'All trials in which the leader was replaced, over all drifts, and of leases all bounds. ' +
      'Intervals are exact (Clopper and Pearson). “None” holds if none was seen: the interval’s ' +
      'upper end is what so many trials leave possible.',
  };
}

function costTable(results: readonly Result[]): Table {
  const rows = results.flatMap((result): TableCell[][] => {
    const costs = costSamples(result);
    if (costs.length === 0) return [];
    const { mode, outstanding } = result.cell;
    const messages = middleOf(costs, 'messagesPerRead');
    const theory = outstanding === 1 ? THEORY[mode] : null;
    const p50 = middleOf(costs, 'p50Ms');
    const p99 = middleOf(costs, 'p99Ms');
    return [
      [
        MODE_NAMES[mode],
        String(outstanding),
        theory === null ? NOTHING : String(theory),
        (messages?.value ?? 0).toFixed(2),
        judged(messages, theory),
        shortMs(p50?.value ?? null),
        between(p50, shortMs),
        shortMs(p99?.value ?? null),
        between(p99, shortMs),
        shortNumber(middleOf(costs, 'readsPerSecond')?.value ?? null),
      ],
    ];
  });
  return {
    title: 'What a read costs',
    heads: [
      'reads',
      'outstanding',
      'messages, theory',
      'measured',
      'verdict',
      'p50 ms',
      'interval',
      'p99 ms',
      'interval',
      'reads/s',
    ],
    words: 1,
    rows,
    note:
      'Of the trial in the middle; its interval is by order statistics, over trials, and with ' +
      'fewer than six trials it spans them all. In theory a read that is alone takes a round of ' +
      `heartbeats with all ${SERVERS - 1} others, and a follower asks its leader first; ` +
      `tolerance ${TOLERANCE_MESSAGES} messages. Reads that wait for the same round share it.`,
  };
}

function judged(messages: Estimate | null, theory: number | null): TableCell {
  if (messages === null || theory === null) return NOTHING;
  const isWithin = Math.abs(messages.value - theory) <= TOLERANCE_MESSAGES;
  return { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' };
}

function staleTable(all: readonly Result[]): Table {
  const results = ofUsualBound(all);
  const rows = MODES.flatMap((mode) =>
    STORIES.flatMap((story): TableCell[][] => {
      const counted = countedOf(results, mode, [story]);
      if (counted.trials === 0) return [];
      const { answered, late, stale, staleForMsMax, staleTrials, trials } = counted;
      const tone = staleTrials > 0 ? 'bad' : 'good';
      return [
        [
          MODE_NAMES[mode],
          STORY_NAMES[story],
          count(trials),
          { text: count(staleTrials), tone },
          between(shareOf(counted), sharePercent),
          count(late),
          count(answered),
          count(stale),
          stale === 0 ? NOTHING : shortMs(staleForMsMax),
        ],
      ];
    }),
  );
  const bound = results[0]?.cell.assumedPercent ?? 0;
  return {
    title: 'Which reads were stale',
    heads: [
      'reads',
      'old leader',
      'trials',
      'with stale reads',
      '95 % interval',
      'reads called late',
      'answered',
      'stale',
      'longest ms',
    ],
    words: 2,
    rows,
    note:
      `Leases allow for ${bound} %. A read is late if it was called after the new leader had ` +
      'acknowledged a write; the longest is from that acknowledgement to the last stale answer. ' +
      'Reads that are not answered have waited for a majority that the old side does not have.',
  };
}

function driftTable(results: readonly Result[]): Table {
  const leases = results.filter(
    ({ cell, samples }) =>
      cell.mode === 'lease' && cell.situation === 'cutOff' && samples.length > 0,
  );
  const bounds = distinct(leases.map(({ cell }) => cell.assumedPercent));
  const drifts = distinct(leases.map(({ cell }) => cell.driftPercent));
  const rows = drifts.map((drift): TableCell[] => [
    `${drift} %`,
    ...bounds.map((bound): TableCell => {
      const found = leases.find(
        ({ cell }) => cell.assumedPercent === bound && cell.driftPercent === drift,
      );
      const share = found === undefined ? null : shareOf(countOf(staleSamples(found)));
      if (share === null) return NOTHING;
      const text = `${sharePercent(share.value)} (${between(share, sharePercent)})`;
      if (share.value === 0) return text;
      return { text, tone: drift <= bound ? 'bad' : 'fair' };
    }),
  ]);
  return {
    title: 'Trials with stale lease reads, by drift',
    heads: ['slow and fast by', ...bounds.map((bound) => `leases allow for ${bound} %`)],
    words: 1,
    rows: bounds.length === 0 ? [] : rows,
    note: 'Share of trials, with exact 95 % intervals.',
  };
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function between(of: Estimate | null, write: (value: number) => string): string {
  return of === null ? NOTHING : `${write(of.low)} to ${write(of.high)}`;
}
