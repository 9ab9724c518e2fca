/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { quantile } from '../../lab/report/stats.ts';
import { NOTHING, shortMs } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { newcomersOf } from './expected.ts';
import {
  beforeMs,
  type Compared,
  greatest,
  medianOf,
  NAMES,
  type Result,
  TOLERANCE,
  whileChangingMs,
} from './numbers.ts';

const BYTES_HEADS = ['change', 'state MB', 'line MB/s'];

export function timeTable(results: readonly Result[], compared: readonly Compared[]): Table {
  return {
    title: 'Time until the change is through',
    heads: [
      ...BYTES_HEADS,
      'ms',
      '95 % interval',
      'of it catching up',
      'expected ms',
      'verdict',
      'the line alone',
    ],
    words: 1,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const done = medianOf(samples, ({ doneMs }) => doneMs);
      const own = compared.find((each) => each.cell === cell);
      return [
        ...cellText(cell),
        shortMs(done?.value ?? null),
        rangeOf(done),
        shortMs(medianOf(samples, ({ catchUpMs }) => catchUpMs)?.value ?? null),
        shortMs(own?.expectedMs ?? null),
        verdictOf(own),
        own === undefined ? NOTHING : shortMs(lineAloneMs(cell)),
      ];
    }),
    note:
      'From the request until the last configuration is committed: medians over trials, with ' +
      'intervals by order statistics. Expected: windows of chunks, each for its turn on the line ' +
      'and the way there and back, and then what was written in the second before; within is at ' +
      `most ${TOLERANCE * 100} % off. The line alone: what the bytes of the state would take.`,
  };
}

function lineAloneMs({ change, megabytesPerSecond, stateMb }: Result['cell']): number {
  return (newcomersOf(change) * stateMb * 1000) / megabytesPerSecond;
}

function verdictOf(compared: Compared | undefined): TableCell {
  if (compared === undefined) return NOTHING;
  const { isWithin } = compared;
  return { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' };
}

export function effectTable(results: readonly Result[]): Table {
  return {
    title: 'What is noticed of it',
    heads: [
      ...BYTES_HEADS,
      'gap before',
      'gap ms',
      '95 % interval',
      'longest gap',
      'write p50 before',
      'p50',
      'p99',
      'longest',
      'elections',
      'unserved',
    ],
    words: 1,
    rows: results.map(({ cell, samples }): TableCell[] => {
      const gap = medianOf(samples, ({ gapMs }) => gapMs);
      const during = whileChangingMs(samples);
      return [
        ...cellText(cell),
        shortMs(medianOf(samples, ({ gapBeforeMs }) => gapBeforeMs)?.value ?? null),
        shortMs(gap?.value ?? null),
        rangeOf(gap),
        shortMs(greatest(samples, ({ gapMs }) => gapMs)),
        shortMs(quantile(beforeMs(samples), 0.5)),
        shortMs(quantile(during, 0.5)),
        shortMs(quantile(during, 0.99)),
        shortMs(during.at(-1) ?? null),
        count(samples.reduce((sum, { elections }) => sum + elections, 0)),
        count(samples.reduce((sum, { unserved }) => sum + unserved, 0)),
      ];
    }),
    note:
      'All in milliseconds. A gap is the longest time without a commit of a trial, in the second ' +
      'before the request and from it until a second after the end: medians over trials, and the ' +
      'longest of all. Writes are those called until the change was through, of all trials; ' +
      'where that takes a few milliseconds they are few.',
  };
}

function cellText({ change, megabytesPerSecond, stateMb }: Result['cell']): string[] {
  return [NAMES[change], String(stateMb), String(megabytesPerSecond)];
}

function rangeOf(estimate: Estimate | null): string {
  return estimate === null ? NOTHING : `${shortMs(estimate.low)} to ${shortMs(estimate.high)}`;
}
