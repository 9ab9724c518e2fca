/** The pictures of the study. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { milliseconds, sharePercent } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { medianEstimate, medianMs, sortedOf } from '../../lab/study/crashes.ts';
import { RULES, type Rules } from '../../lab/study/failover.ts';
import { clocksText } from './clocks.ts';
import { byRate, bySpread, type Result, unseated } from './numbers.ts';
import { ELECTION_TIMEOUT_MS, HEARTBEAT_MS } from './trial.ts';

const COLOR_OF: Readonly<Record<Rules, string>> = { plain: PALETTE[1], protected: PALETTE[0] };
const SPREAD_COLORS = [COLORS.ink, PALETTE[0], PALETTE[2], PALETTE[1], PALETTE[3]] as const;
const CURVE_POINTS = 150;

/** From here on a follower's shortest timeout ends before the leader's next heartbeat is sent. */
export const RATIO_LIMIT = ELECTION_TIMEOUT_MS[0] / HEARTBEAT_MS;

const RATE_AXIS = {
  label: 'seconds that the one clock shows in a second, logarithmic; all others are true',
  scale: 'log',
  format: (rate: number) => String(Number(rate.toPrecision(2))),
} as const;

export function rateFigure(results: readonly Result[]): Figure {
  const series = RULES.map(
    (rules): ChartSeries => seriesOf(results, 'crash', rules, medianEstimate),
  );
  const told = RULES.flatMap((rules) =>
    byRate(results, 'crash', rules).map(
      ({ rate, result }) => `${rules} at ${rate} ${milliseconds(medianMs(result))}`,
    ),
  );
  return chartFigure(
    {
      title: 'One clock off: time without a leader after a crash',
      alt: `Median time without a leader against the rate of one clock: ${told.join(', ')}.`,
      x: RATE_AXIS,
      y: { label: 'median milliseconds without a leader' },
      panels: [{ title: '', series: withPoints(series) }],
    },
    'one-clock-crash.svg',
    'With 95 % intervals. Whoever leads a second after the start crashes; where the clock that ' +
      'is off has brought its server to lead by then, or kept it there, it is that server.',
  );
}

export function unseatedFigure(results: readonly Result[]): Figure {
  const series = RULES.map((rules): ChartSeries => seriesOf(results, 'quiet', rules, unseated));
  const limits = [1 / RATIO_LIMIT, RATIO_LIMIT].map((rate): ChartSeries => {
    const points = [0, 1].map((y) => ({ x: rate, y }));
    const label = 'shortest timeout as long as the interval of heartbeats';
    return { label, color: COLORS.quiet, kind: 'dashes', points };
  });
  const told = RULES.flatMap((rules) =>
    byRate(results, 'quiet', rules).map(
      ({ rate, result }) => `${rules} at ${rate} ${sharePercent(unseated(result)?.value ?? null)}`,
    ),
  );
  return chartFigure(
    {
      title: 'One clock off: leaders that lose their lead though nothing fails',
      alt: `Share of quiet runs in which the first leader was replaced: ${told.join(', ')}.`,
      x: RATE_AXIS,
      y: { label: 'share of quiet runs', domain: [0, 1], format: percentTick },
      panels: [{ title: '', series: [...withPoints(series), ...limits] }],
    },
    'one-clock-quiet.svg',
    'With exact 95 % intervals. The first leader has the slowest clock: left of 1 it is the one ' +
      'that is off, right of 1 one of the others.',
  );
}

export function spreadFigure(results: readonly Result[]): Figure {
  const panels = RULES.flatMap((rules) => {
    const series = bySpread(results, 'crash', rules).map(({ result }, i): ChartSeries => {
      const color = SPREAD_COLORS[i % SPREAD_COLORS.length] ?? COLORS.ink;
      const points = cdfPoints(sortedOf(result), CURVE_POINTS);
      return { label: clocksText(result.cell.clocks), color, kind: 'steps', points };
    });
    return series.length === 0 ? [] : [{ title: rules, series }];
  });
  const told = RULES.flatMap((rules) =>
    bySpread(results, 'crash', rules).map(
      ({ result }) =>
        `${rules}, ${clocksText(result.cell.clocks)} ${milliseconds(medianMs(result))}`,
    ),
  );
  return chartFigure(
    {
      title: 'All clocks off: time without a leader after a crash',
      alt: `Curves of the time without a leader; medians: ${told.join('; ')}.`,
      x: { label: 'milliseconds without a leader' },
      y: { label: 'share of crashes that have a new leader', domain: [0, 1], format: percentTick },
      panels,
    },
    'all-clocks-crash.svg',
    'Each clock’s rate is drawn for each trial; the leader that crashes is the one with the ' +
      'slowest clock, unless others have replaced it.',
  );
}

function seriesOf(
  results: readonly Result[],
  run: 'crash' | 'quiet',
  rules: Rules,
  estimate: (result: Result) => Estimate | null,
): ChartSeries {
  const points = byRate(results, run, rules).flatMap(({ rate, result }) => {
    const found = estimate(result);
    return found === null ? [] : [{ x: rate, y: found.value, low: found.low, high: found.high }];
  });
  return { label: rules, color: COLOR_OF[rules], kind: 'line', points };
}

function withPoints(series: readonly ChartSeries[]): ChartSeries[] {
  return series.filter(({ points }) => points.length > 0);
}

function percentTick(share: number): string {
  return `${Math.round(share * 100)} %`;
}
