/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { estimateCells, quantileCells, shareCells } from '../../lab/report/estimates.ts';
import { count } from '../../lab/report/samples.ts';
import { NOTHING, sharePercent } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import { sortedOf } from '../../lab/study/crashes.ts';
import { clocksOf, clocksText } from './clocks.ts';
import { crashesOf, quietsOf, type Result, unseated } from './numbers.ts';
import { QUIET_MS } from './trial.ts';

const RESAMPLING_SEED = 1;

export function crashTable(results: readonly Result[]): Table {
  return {
    title: 'After a crash',
    heads: [
      'clocks',
      'rules',
      'p50 ms',
      '95 % interval',
      'p99 ms',
      '95 % interval',
      'repeated',
      '95 % interval',
      'odd one crashed',
      'odd one won',
    ],
    words: 2,
    rows: results.flatMap((result): TableCell[][] => {
      const crashes = crashesOf(result.samples);
      if (crashes.length === 0) return [];
      const { clocks, rules } = result.cell;
      const sorted = sortedOf(result);
      const hasOdd = clocksOf(clocks)?.kind === 'one';
      const share = (successes: number): string =>
        hasOdd ? sharePercent(successes / crashes.length) : NOTHING;
      return [
        [
          clocksText(clocks),
          rules,
          ...quantileCells(sorted, 0.5),
          ...quantileCells(sorted, 0.99),
          ...shareCells(crashes.filter(({ terms }) => terms > 1).length, crashes.length),
          share(crashes.filter(({ oddCrashed }) => oddCrashed).length),
          share(crashes.filter(({ oddWon }) => oddWon).length),
        ],
      ];
    }),
    note:
      'Intervals of quantiles are by order statistics, those of shares exact; “…” stands where ' +
      'the last sample ends one because too few lie beyond. Repeated: the first election after ' +
      'the crash had no winner. The odd one: the server whose clock is unlike the others’.',
  };
}

export function quietTable(results: readonly Result[]): Table {
  return {
    title: 'When nothing fails',
    heads: [
      'clocks',
      'rules',
      'runs',
      'first leader replaced',
      '95 % interval',
      'changes a run',
      '95 % interval',
      'elections begun a run',
      'fastest leads at the end',
    ],
    words: 2,
    rows: results.flatMap((result): TableCell[][] => {
      const quiets = quietsOf(result.samples);
      if (quiets.length === 0) return [];
      const changes = bootstrapMean(
        quiets.map((quiet) => quiet.changes),
        RESAMPLING_SEED,
      );
      const campaigns = quiets.reduce((sum, quiet) => sum + quiet.campaigns, 0);
      const fastest = quiets.filter(({ fastestLeads }) => fastestLeads).length;
      const lost = unseated(result);
      const [share = NOTHING, interval = NOTHING] = estimateCells(lost, sharePercent);
      return [
        [
          clocksText(result.cell.clocks),
          result.cell.rules,
          count(quiets.length),
          { text: share, tone: lost?.value === 0 ? 'good' : 'bad' },
          interval,
          ...estimateCells(changes, (value) => value?.toFixed(2) ?? NOTHING),
          (campaigns / quiets.length).toFixed(2),
          sharePercent(fastest / quiets.length),
        ],
      ];
    }),
    note:
      `A run lasts ${QUIET_MS / 1000} s from the first election on. Changes are elections won ` +
      'after that, on average, with bootstrapped intervals; shares have exact ones. A change is ' +
      'no rate: it comes soon after the start, and who leads then may stay.',
  };
}
