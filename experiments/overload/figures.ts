/** What is called, answered, and answered in good time, second by second. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { milliseconds, percent, sharePercent, shortNumber } from '../../lab/report/table.ts';
import {
  answeredAt,
  calledAt,
  inTimeShare,
  latencyIn,
  PARTS,
  type Result,
  SECONDS,
} from './measures.ts';
import { BEFORE_S, GOOD_MS, OVERLOAD_S, PRESSURES, RETRIES, type Sample } from './trial.ts';
import { PRESSURE_WORDS, RETRY_WORDS } from './words.ts';

const P99 = 0.99;

const X = {
  label: 'seconds',
  ticks: [0, BEFORE_S, BEFORE_S + OVERLOAD_S, 25, 35, SECONDS.length],
  domain: [0, SECONDS.length],
} as const;

export function figuresOf(results: readonly Result[]): Figure[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return measured.length === 0 ? [] : [answers(measured), inTime(measured), latency(measured)];
}

function answers(results: readonly Result[]): Figure {
  return chartFigure(
    {
      title: 'Answers a second, through the overload and after',
      alt:
        `Answers a second over ${SECONDS.length} seconds, a panel for each kind of clients; ` +
        `${lastSeconds(results, (samples) => {
          const [from, to] = PARTS.last;
          const rates = SECONDS.slice(from, to).map((second) => answeredAt(samples, second));
          return `${shortNumber(Math.min(...rates))} to ${shortNumber(Math.max(...rates))}/s`;
        })}.`,
      x: X,
      y: { label: 'a second' },
      panels: panelsOf(results, answeredAt, (own) => {
        const samples = own.flatMap((result) => result.samples);
        return [
          {
            label: 'called',
            color: COLORS.axis,
            kind: 'dashes',
            points: SECONDS.map((x) => ({ x: x + 0.5, y: calledAt(samples, x) })),
          },
        ];
      }),
    },
    'answers.svg',
    'Means over the trials, for each second. An answer counts when it comes, however late; after ' +
      'its client has given up there is none. Dashed: the calls that came due.',
  );
}

function inTime(results: readonly Result[]): Figure {
  const at = (samples: readonly Sample[], second: number): number =>
    inTimeShare(samples, [second, second + 1]) ?? 0;
  return chartFigure(
    {
      title: `Calls that are answered within ${GOOD_MS} ms`,
      alt:
        `Share of calls answered within ${GOOD_MS} ms, by the second they came due in, a panel ` +
        'for each kind of clients; ' +
        `${lastSeconds(results, (samples) => sharePercent(inTimeShare(samples, PARTS.last)))}.`,
      x: X,
      y: { label: 'share of the calls of each second', domain: [0, 1], format: percent },
      panels: panelsOf(results, at, () => []),
    },
    'in-time.svg',
    'Over the calls of all trials, by the second in which they came due. The overload lasts from ' +
      `second ${BEFORE_S} to second ${BEFORE_S + OVERLOAD_S}.`,
  );
}

function latency(results: readonly Result[]): Figure {
  const at = (samples: readonly Sample[], second: number): number | null =>
    latencyIn(samples, [second, second + 1], P99);
  return chartFigure(
    {
      title: 'Latency of 99 calls of 100',
      alt:
        'p99 of the latency, by the second that calls came due in, a panel for each kind of ' +
        `clients; ${lastSeconds(results, (samples) => {
          const ms = latencyIn(samples, PARTS.last, P99);
          return ms === null ? 'too many without an answer' : milliseconds(ms);
        })}.`,
      x: X,
      y: { label: 'p99, milliseconds', scale: 'log' },
      panels: panelsOf(results, at, () => [], 'dots'),
    },
    'latency.svg',
    'Over the calls of all trials that came due in that second. There is no dot where more than ' +
      'one call of a hundred got no answer at all.',
  );
}

function panelsOf(
  results: readonly Result[],
  measure: (samples: readonly Sample[], second: number) => number | null,
  more: (own: readonly Result[]) => ChartSeries[],
  kind: 'line' | 'dots' = 'line',
) {
  return RETRIES.flatMap((retries) => {
    const own = results.filter(({ cell }) => cell.retries === retries);
    if (own.length === 0) return [];
    const series = PRESSURES.flatMap((pressure, i): ChartSeries[] => {
      const found = own.find(({ cell }) => cell.backPressure === pressure);
      if (found === undefined) return [];
      const points = SECONDS.flatMap((x) => {
        const y = measure(found.samples, x);
        return y === null ? [] : [{ x: x + 0.5, y }];
      });
      const color = PALETTE[i % PALETTE.length] ?? PALETTE[0];
      return [{ label: PRESSURE_WORDS[pressure], color, kind, points }];
    });
    return [{ title: RETRY_WORDS[retries], series: [...more(own), ...series] }];
  });
}

function lastSeconds(
  results: readonly Result[],
  write: (samples: readonly Sample[]) => string,
): string {
  const [from, to] = PARTS.last;
  const words = results.map(({ cell, samples }) => {
    return `${cell.retries} clients, ${PRESSURE_WORDS[cell.backPressure]}: ${write(samples)}`;
  });
  return `in the last ${to - from} seconds ${words.join('; ')}`;
}
