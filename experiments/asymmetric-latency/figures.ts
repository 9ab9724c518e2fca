/** The pictures of the study. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { COLORS, PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { sharePercent, shortMs } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import {
  FAIR_SHARE,
  medianTimeouts,
  type Result,
  ratiosOf,
  sortedTimeouts,
  wonShare,
} from './numbers.ts';
import type { Topology } from './topology.ts';
import type { RankBy } from './trial.ts';

/** Of a share of 0.5 there are numbers in the tables: its curves lie between. */
const DRAWN: Readonly<Partial<Record<Topology, string>>> = {
  even: COLORS.ink,
  'messages-0.9': PALETTE[6],
  'pairs-0.9': PALETTE[0],
  'directions-0.9': PALETTE[1],
  regions: PALETTE[2],
  'there-and-back': PALETTE[3],
};

const CURVE_POINTS = 300;
/** In minimum timeouts; beyond it lie elections that were repeated twice and more. */
const CURVE_START = 0.5;
const CURVE_END = 6;
const RANKS = [1, 2, 3, 4] as const;

const BY_TITLES: Readonly<Record<RankBy, string>> = {
  both: 'by links both ways',
  out: 'by links out',
  in: 'by links in',
  fromLeader: 'by link from the old leader',
};

export function timesFigure(results: readonly Result[]): Figure {
  const panels = ratiosOf(results).map((ratio) => ({
    title: `minimum timeout of ${shortRatio(ratio)} mean latencies`,
    series: drawnOf(results, ratio).map(({ color, result }): ChartSeries => {
      const points = cdfPoints(sortedTimeouts(result), CURVE_POINTS).map(({ x, y }) => {
        return { x, y: 1 - y };
      });
      points.unshift({ x: 0, y: 1 });
      return { label: result.cell.links, color, kind: 'steps', points };
    }),
  }));
  const medians = results.map((result) => {
    const { links, timeoutRatio } = result.cell;
    const median = shortMs(medianTimeouts(result));
    return `${links} at ${shortRatio(timeoutRatio)} latencies: median ${median}`;
  });
  return chartFigure(
    {
      title: 'Time without a leader after a crash',
      alt: `Curves of the time without a leader, in minimum timeouts; ${medians.join(', ')}.`,
      x: { label: 'minimum election timeouts without a leader', domain: [CURVE_START, CURVE_END] },
      y: {
        label: 'crashes that have no new leader yet',
        scale: 'log',
        domain: [0.01, 1],
        format: percentTick,
      },
      panels,
    },
    'leaderless.svg',
    'The first fall is the first election; the ledge where a curve flattens is as high as votes ' +
      'were split, and the next fall is the election after that.',
  );
}

export function winnersFigure(results: readonly Result[]): Figure {
  const ratios = ratiosOf(results);
  const ratio = ratios[Math.floor((ratios.length - 1) / 2)] ?? 0;
  const drawn = drawnOf(results, ratio).filter(({ result }) => !isAlike(result.cell.links));
  const chance: ChartSeries = {
    label: 'by chance alone',
    color: COLORS.quiet,
    kind: 'dashes',
    points: RANKS.map((rank) => ({ x: rank, y: FAIR_SHARE })),
  };
  const panels = (Object.keys(BY_TITLES) as RankBy[]).map((by) => ({
    title: BY_TITLES[by],
    series: [
      ...drawn.map(({ color, result }): ChartSeries => {
        const points = RANKS.flatMap((rank) => {
          const share = wonShare(result, by, rank);
          if (share === null) return [];
          return [{ x: rank, y: share.value, low: share.low, high: share.high }];
        });
        return { label: result.cell.links, color, kind: 'line', points };
      }),
      chance,
    ],
  }));
  const told = drawn.map(({ result }) => {
    const best = (Object.keys(BY_TITLES) as RankBy[]).map(
      (by) => `${BY_TITLES[by]} ${sharePercent(wonShare(result, by, 1)?.value ?? null)}`,
    );
    return `${result.cell.links}: ${best.join(', ')}`;
  });
  return chartFigure(
    {
      title: 'Who wins',
      alt: `The share of crashes after which the server of the best rank won; ${told.join('; ')}.`,
      x: { label: 'rank among the four that are left, 1 having the shortest', ticks: [...RANKS] },
      y: { label: 'share won', format: percentTick },
      panels,
    },
    'winners.svg',
    `At a minimum timeout of ${shortRatio(ratio)} mean latencies, with exact 95 % intervals. Out ` +
      'and in: by the mean latency of a server’s links to the others that are left, and from ' +
      'them. Servers with equal links are ranked by lot.',
  );
}

/** Networks in which no server is better placed than another. */
export function isAlike(links: Topology): boolean {
  return links === 'even' || links === 'messages-0.9';
}

function drawnOf(results: readonly Result[], ratio: number) {
  return results.flatMap((result) => {
    const color = DRAWN[result.cell.links];
    return result.cell.timeoutRatio === ratio && color !== undefined ? [{ color, result }] : [];
  });
}

function shortRatio(ratio: number): string {
  return String(Number(ratio.toFixed(2)));
}

function percentTick(share: number): string {
  return `${Math.round(share * 100)} %`;
}
