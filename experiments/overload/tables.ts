/** Recovery and latency of every cell in numbers. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { mean } from '../../lab/report/stats.ts';
import { milliseconds, sharePercent, shortNumber } from '../../lab/report/table.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import {
  inTimeShare,
  latencyIn,
  PARTS,
  type Result,
  recoveredWithin,
  recoveriesMs,
} from './measures.ts';
import { AFTER_S, GOOD_MS, LAST_S, type Sample } from './trial.ts';
import { PRESSURE_WORDS, WITHIN_MS } from './words.ts';

export function tablesOf(results: readonly Result[]): Table[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return measured.length === 0 ? [] : [recovery(measured), latency(measured)];
}

function recovery(results: readonly Result[]): Table {
  return {
    title: 'Recovery',
    heads: [
      'clients',
      'leader’s queue',
      `recovered in ${WITHIN_MS / 1000} s`,
      `in ${AFTER_S} s`,
      'median',
      'useful entries',
      'changes',
    ],
    words: 2,
    rows: results.map(({ cell, samples }): TableCell[] => [
      cell.retries,
      PRESSURE_WORDS[cell.backPressure],
      recovered(samples, WITHIN_MS),
      recovered(samples, AFTER_S * 1000),
      after(samples),
      sharePercent(mean(samples.map(({ usefulShare }) => usefulShare))),
      changes(samples),
    ]),
    note:
      `Recovered: from then on every call is answered within ${GOOD_MS} ms, and there are at ` +
      `least ${LAST_S} s left to see it. Intervals at 95 %: exact for shares, by order ` +
      'statistics for medians, in which a trial that did not recover counts as more than ' +
      `${AFTER_S} s. Useful: entries committed from the overload on that answered somebody. ` +
      'Changes of leader: mean of the trials, fewest to most.',
  };
}

function recovered(samples: readonly Sample[], ms: number): TableCell {
  const number = recoveredWithin(samples, ms);
  const { high, low } = proportion(number, samples.length);
  const tone = number === samples.length ? 'good' : number === 0 ? 'bad' : 'fair';
  const range = `${Math.round(low * 100)} to ${Math.round(high * 100)} %`;
  return { text: `${number} of ${samples.length} (${range})`, tone };
}

function after(samples: readonly Sample[]): string {
  const estimate = quantileEstimate(recoveriesMs(samples), 0.5);
  if (estimate === null) return '–';
  const write = (ms: number): string =>
    ms >= AFTER_S * 1000 ? `over ${AFTER_S} s` : `${(ms / 1000).toFixed(1)} s`;
  const { high, low, value } = estimate;
  if (low >= AFTER_S * 1000) return write(value);
  return `${write(value)} (${write(low)} to ${write(high)})`;
}

function changes(samples: readonly Sample[]): string {
  const numbers = samples.map(({ leaderChanges }) => leaderChanges);
  const [fewest, most] = [Math.min(...numbers), Math.max(...numbers)];
  return most === 0 ? '0' : `${shortNumber(mean(numbers))} (${fewest} to ${most})`;
}

function latency(results: readonly Result[]): Table {
  const parts = [
    ['before', PARTS.before],
    ['overload', PARTS.overload],
    ['last 5 s', PARTS.last],
  ] as const;
  return {
    title: 'Latency, and calls answered in good time',
    heads: [
      'clients',
      'leader’s queue',
      ...parts.flatMap(([name]) => [`p99, ${name}`, `in time, ${name}`]),
    ],
    words: 2,
    rows: results.map(({ cell, samples }): TableCell[] => [
      cell.retries,
      PRESSURE_WORDS[cell.backPressure],
      ...parts.flatMap(([, part]): TableCell[] => {
        const p99 = latencyIn(samples, part, 0.99);
        const none = { text: 'no answer', tone: 'bad' } as const;
        const share = sharePercent(inTimeShare(samples, part));
        return [p99 === null ? none : milliseconds(p99), share];
      }),
    ]),
    note:
      'Over the calls of all trials that came due in that part; latency counts from then, with ' +
      'the wait for a client that is busy. Where more than one call of a hundred got no answer ' +
      `there is no p99. In time: within ${GOOD_MS} ms.`,
  };
}
