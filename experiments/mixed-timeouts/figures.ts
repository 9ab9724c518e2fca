/** The pictures of the study. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { milliseconds, shortNumber } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { medianEstimate, medianMs } from '../../lab/study/crashes.ts';
import { RULES } from '../../lab/study/failover.ts';
import { byNumber, changesEstimate, type Result, rangesOf } from './numbers.ts';
import { type Cell, LOSS, SERVERS } from './trial.ts';

const COLORS_BY_RANGE = [PALETTE[1], PALETTE[2], PALETTE[0], PALETTE[3]] as const;
const NUMBERS = Array.from({ length: SERVERS + 1 }, (_, i) => i);
const X = { label: 'servers with the other range, of 5', ticks: NUMBERS } as const;

export function timesFigure(results: readonly Result[]): Figure {
  const told = results.map((result) => {
    const { otherTimeoutMs, others, rules } = result.cell;
    return `${rules}, ${others} with ${otherTimeoutMs} ms ${milliseconds(medianMs(result))}`;
  });
  return chartFigure(
    {
      title: 'Time without a leader after a crash',
      alt: `Median time without a leader by servers with another range: ${told.join('; ')}.`,
      x: X,
      y: { label: 'median milliseconds without a leader, logarithmic', scale: 'log' },
      panels: panelsOf(results, 'crash', medianEstimate),
    },
    'leaderless.svg',
    'With 95 % intervals. The server that crashes is drawn from all five, so that with each ' +
      'server of the other range it is more often one of these.',
  );
}

export function changesFigure(results: readonly Result[]): Figure {
  const told = results.map((result) => {
    const { otherTimeoutMs, others, rules } = result.cell;
    const changes = shortNumber(changesEstimate(result)?.value ?? null);
    return `${rules}, ${others} with ${otherTimeoutMs} ms ${changes}`;
  });
  return chartFigure(
    {
      title: `Changes of the leader while ${LOSS * 100} % of messages are lost`,
      alt: `Leader changes a minute by servers with another range: ${told.join('; ')}.`,
      x: X,
      y: { label: 'leader changes a minute' },
      panels: panelsOf(results, 'loss', changesEstimate),
    },
    'changes.svg',
    'Means with bootstrapped 95 % intervals; nothing crashes.',
  );
}

function panelsOf(
  results: readonly Result[],
  run: Cell['run'],
  estimate: (result: Result) => Estimate | null,
) {
  return RULES.flatMap((rules) => {
    const series = rangesOf(results).flatMap((range, i): ChartSeries[] => {
      const points = byNumber(results, run, rules, range).flatMap((result) => {
        const found = estimate(result);
        if (found === null) return [];
        return [{ x: result.cell.others, y: found.value, low: found.low, high: found.high }];
      });
      const color = COLORS_BY_RANGE[i % COLORS_BY_RANGE.length] ?? PALETTE[0];
      return points.length === 0 ? [] : [{ label: `${range} ms`, color, kind: 'line', points }];
    });
    return series.length === 0 ? [] : [{ title: rules, series }];
  });
}
