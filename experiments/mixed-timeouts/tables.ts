/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { estimateCells, quantileCells, shareSpan } from '../../lab/report/estimates.ts';
import { count } from '../../lab/report/samples.ts';
import { NOTHING, sharePercent } from '../../lab/report/table.ts';
import { sortedOf } from '../../lab/study/crashes.ts';
import { changesEstimate, crashesOf, lossesOf, type Result } from './numbers.ts';
import { LOSS, LOSS_MS } from './trial.ts';

export function crashTable(results: readonly Result[]): Table {
  return {
    title: 'After a crash',
    heads: [
      'rules',
      'other range ms',
      'servers',
      'p50 ms',
      '95 % interval',
      'p99 ms',
      '95 % interval',
      'repeated, %',
      'one of them crashed',
      'one of them won, %',
    ],
    words: 2,
    rows: results.flatMap((result): TableCell[][] => {
      const crashes = crashesOf(result.samples);
      if (crashes.length === 0) return [];
      const { otherTimeoutMs, others, rules } = result.cell;
      const sorted = sortedOf(result);
      const crashed = crashes.filter(({ otherCrashed }) => otherCrashed).length;
      const won = crashes.filter(({ otherWon }) => otherWon).length;
      return [
        [
          rules,
          otherTimeoutMs,
          String(others),
          ...quantileCells(sorted, 0.5),
          ...quantileCells(sorted, 0.99),
          shareSpan(crashes.filter(({ terms }) => terms > 1).length, crashes.length),
          sharePercent(crashed / crashes.length),
          shareSpan(won, crashes.length),
        ],
      ];
    }),
    note:
      'Intervals of quantiles are by order statistics, those of shares exact; “…” stands where ' +
      'the last sample ends one because too few lie beyond. Repeated: the first election after ' +
      'the crash had no winner. One of them: of the servers with the other range.',
  };
}

export function lossTable(results: readonly Result[]): Table {
  return {
    title: 'Under loss',
    heads: [
      'rules',
      'other range ms',
      'servers',
      'runs',
      'changes a minute',
      '95 % interval',
      'elections begun a run',
      'one of them leads at the end, %',
    ],
    words: 2,
    rows: results.flatMap((result): TableCell[][] => {
      const losses = lossesOf(result.samples);
      if (losses.length === 0) return [];
      const { otherTimeoutMs, others, rules } = result.cell;
      const changes = changesEstimate(result);
      const [value = NOTHING, interval = NOTHING] = estimateCells(
        changes,
        (each) => each?.toFixed(1) ?? NOTHING,
      );
      const campaigns = losses.reduce((sum, loss) => sum + loss.campaigns, 0);
      return [
        [
          rules,
          otherTimeoutMs,
          String(others),
          count(losses.length),
          { text: value, tone: toneOf(changes?.value ?? 0) },
          interval,
          (campaigns / losses.length).toFixed(2),
          shareSpan(losses.filter(({ otherLeads }) => otherLeads).length, losses.length),
        ],
      ];
    }),
    note:
      `A run is ${LOSS_MS / 1000} s in which ${LOSS * 100} % of messages are lost, each by ` +
      'itself. Changes are elections won, on average over the runs, with bootstrapped intervals; ' +
      'green is none, yellow less than one a minute.',
  };
}

function toneOf(changesPerMinute: number) {
  if (changesPerMinute === 0) return 'good';
  return changesPerMinute < 1 ? 'fair' : 'bad';
}
