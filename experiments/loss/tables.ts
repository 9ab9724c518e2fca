/** Every cell in numbers, and the recipe beside plain loss. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { percent, shortMs, shortNumber } from '../../lab/report/table.ts';
import { election, goodput, idleChanges, type Result, type Value, valuesOf } from './measures.ts';
import { ELECTION_MAX_MS, PATTERNS, type Pattern } from './trial.ts';

const NUMBERS_NOTE =
  'With 95 % intervals. Writes a second, with so many outstanding, and changes of leader a ' +
  'minute without load are means, bootstrapped over the trials; quantiles are by order ' +
  'statistics. An interval from 0 to 0 says only that no change was seen. Elections that had no ' +
  `winner within ${ELECTION_MAX_MS / 1000} s count as that.`;

export function tablesOf(results: readonly Result[], seed: number): Table[] {
  return valuesOf(results, 'nodes').map((nodes) => {
    const own = results.filter(({ cell, samples }) => cell.nodes === nodes && samples.length > 0);
    const loads = valuesOf(own, 'outstanding');
    return {
      title: `${nodes} servers`,
      heads: [
        'losses',
        'lost',
        ...loads.map((outstanding) => `writes/s of ${outstanding}`),
        'election p50 ms',
        'p90 ms',
        'changes/min',
      ],
      words: 1,
      rows: PATTERNS.flatMap((pattern) => rowsOf(own, pattern, loads, seed)),
      note: NUMBERS_NOTE,
    };
  });
}

function rowsOf(
  own: readonly Result[],
  pattern: Pattern,
  loads: readonly number[],
  seed: number,
): TableCell[][] {
  const ofPattern = own.filter(({ cell }) => cell.pattern === pattern);
  return valuesOf(ofPattern, 'loss').map((loss): TableCell[] => {
    const at = ofPattern.filter(({ cell }) => cell.loss === loss);
    const writes = loads.map((outstanding) => {
      const samples = at
        .filter(({ cell }) => cell.outstanding === outstanding)
        .flatMap((result) => result.samples);
      return inShort(goodput(samples, seed), shortNumber);
    });
    return [
      pattern,
      percent(loss),
      ...writes,
      inShort(election(at, 0.5), shortMs),
      inShort(election(at, 0.9), shortMs),
      inShort(idleChanges(at, seed), shortNumber),
    ];
  });
}

function inShort(of: Value | null, write: (value: number | null) => string): string {
  if (of === null) return '–';
  const { high, low, value } = of;
  if (low === undefined || high === undefined) return write(value);
  return `${write(value)} (${write(low)}–${write(high)})`;
}
