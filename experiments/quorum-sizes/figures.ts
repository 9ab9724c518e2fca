/** The pictures of the study. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { type MatrixCell, matrixFigure } from '../../lab/report/matrix.ts';
import { milliseconds, percent } from '../../lab/report/table.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { commitMs, recoveryMs } from './expected.ts';
import {
  countOf,
  earlyShares,
  latenciesMs,
  leftOf,
  measured,
  type RecoveryCase,
  type Result,
  recoveriesMs,
  type Situation,
  shareOf,
  sizesOf,
} from './numbers.ts';
import {
  BIN_MS,
  EARLY_MS,
  ELECTION_TIMEOUT_MS,
  KIND_TITLES,
  type Kind,
  PATIENCE_MS,
} from './setup.ts';

/** Of the kinds that lie over each other in the first moments one is drawn. */
const EARLY_KINDS: readonly Kind[] = ['write', 'linearizable', 'lease', 'follower', 'stale'];

/** The others are flat: a majority with its leader serves all, neither serves stale reads alone. */
const SITUATIONS: readonly (Situation & { readonly title: string })[] = [
  { majority: true, leaderFailed: true, title: 'Leader failed, majority left' },
  { majority: false, leaderFailed: false, title: 'Majority failed, leader left' },
];

/** Fewer servers leave nothing to elect from, or nobody to elect. */
const SIZES_ELECTING_MIN = 3;

export function figuresOf(results: readonly Result[]): Figure[] {
  return [
    servedMatrix(results, 'write', 'served-writes.svg', 'Writes served, by servers and failures'),
    servedMatrix(
      results,
      'stale',
      'served-stale.svg',
      'Stale reads served, by servers and failures',
    ),
    ...earlyFigure(results),
    ...recoveryFigure(results),
    ...latencyFigure(results),
  ];
}

// ---- What is served -----------------------------------------------------------------------------

function servedMatrix(results: readonly Result[], kind: Kind, file: string, title: string): Figure {
  const sizes = sizesOf(results);
  const failures = [...new Set(measured(results).map(({ cell }) => cell.failed))].sort(
    (a, b) => a - b,
  );
  const rows = sizes.map((nodes) => ({
    label: String(nodes),
    cells: failures.map((failed): MatrixCell => {
      const result = results.find(({ cell }) => cell.nodes === nodes && cell.failed === failed);
      const share = result === undefined ? null : shareOf(countOf([result], kind));
      return { text: share === null ? '' : percent(share), shade: share };
    }),
  }));
  const told = sizes.map((nodes) => {
    const all = results.filter(
      (result) => result.cell.nodes === nodes && shareOf(countOf([result], kind)) === 1,
    );
    const most = Math.max(...all.map(({ cell }) => cell.failed));
    return `of ${nodes} ${all.length === 0 ? 'never' : most}`;
  });
  const spec = {
    title,
    alt: `${title}; the most failures with which all are served: ${told.join(', ')}.`,
    columns: failures.map(String),
    rows,
    scale: ['none served', 'all served'] as const,
    rowsTitle: 'servers',
    columnsTitle: 'servers that failed, all at once',
  };
  const caption =
    kind === 'write'
      ? 'Share of requests that were served once the cluster had settled.'
      : 'The control: such a read asks nobody but the server it comes to.';
  return matrixFigure(spec, file, caption);
}

// ---- The first moments --------------------------------------------------------------------------

function earlyFigure(results: readonly Result[]): Figure[] {
  const panels = SITUATIONS.flatMap((situation): ChartPanel[] => {
    const series = EARLY_KINDS.map((kind, i): ChartSeries => {
      const points = earlyShares(results, situation, kind).map((share, bin) => {
        return { x: bin * BIN_MS, y: share };
      });
      return { label: KIND_TITLES[kind], color: colorAt(i), kind: 'line', points };
    });
    return series.every(({ points }) => points.length === 0)
      ? []
      : [{ title: situation.title, series }];
  });
  if (panels.length === 0) return [];
  const spec = {
    title: 'Requests served in the first moments after the crash',
    alt:
      `The share of requests served against the time since the crash, up to ${EARLY_MS} ms. ` +
      panels.map(({ series, title }) => `${title}: ${series.map(shareText).join(', ')}`).join('. '),
    x: { label: 'milliseconds since the crash when the request was made' },
    y: {
      label: 'share of requests served',
      domain: [0, 1] as const,
      format: (share: number) => percent(share),
    },
    panels,
    columns: 2,
  };
  const caption =
    `All sizes from ${SIZES_ELECTING_MIN} servers together. Reads through the log, which are ` +
    'writes to the cluster, are left out. A follower keeps a read until it knows who leads, so ' +
    `that reads of up to ${PATIENCE_MS} ms before the election are answered after it.`;
  return [chartFigure(spec, 'first-moments.svg', caption)];
}

function shareText({ label, points }: ChartSeries): string {
  const first = percent(points[0]?.y ?? null);
  const last = percent(points.at(-1)?.y ?? null);
  return first === last ? `${label} ${first}` : `${label} from ${first} to ${last}`;
}

// ---- Times to recover ---------------------------------------------------------------------------

const RECOVERY_SHARES = [
  { share: 0.5, label: 'median' },
  { share: 0.9, label: 'p90' },
] as const;

function recoveryFigure(results: readonly Result[]): Figure[] {
  const elected = recoverySeries(results, 'leaderFailed', ({ cell }) => leftOf(cell));
  const returned = recoverySeries(results, 'noMajority', ({ cell }) => cell.nodes);
  const panels = [
    {
      title: 'Leader failed: from the crash, by servers left',
      series: [...elected, ...elected.map(formulaOf)],
    },
    { title: 'Majority failed: from the return of all, by servers', series: returned },
  ].filter(({ series }) => series.some(({ points }) => points.length > 0));
  if (panels.length === 0) return [];
  const points = panels.flatMap(({ series }) => series.flatMap((each) => each.points));
  const highest = Math.max(...points.map(({ high, y }) => high ?? y));
  const told = panels.map(({ series, title }) => `${title}: ${series.map(pointsText).join('; ')}`);
  const spec = {
    title: 'How soon a write is served again',
    alt: `Times until a write is served again. ${told.join('. ')}`,
    x: { label: 'servers left, or of the cluster', ticks: ascending(points.map(({ x }) => x)) },
    y: {
      label: 'milliseconds until a write is served',
      domain: [ELECTION_TIMEOUT_MS[0] - AXIS_STEP_MS, highest + AXIS_STEP_MS] as const,
    },
    panels,
    columns: 2,
  };
  const caption =
    'All sizes together, with 95 % intervals by order statistics. Expected: the first of so many ' +
    'timers, and three round trips. Who comes back keeps what it may have promised a lease: it ' +
    'gives no vote for the minimum election timeout (§6.4.1).';
  return [chartFigure(spec, 'recovery.svg', caption)];
}

const AXIS_STEP_MS = 20;

function recoverySeries(
  results: readonly Result[],
  of: RecoveryCase,
  groupOf: (result: Result) => number,
): ChartSeries[] {
  const own = results.filter((result) => recoveriesMs([result], of).length > 0);
  const groups = [...new Set(own.map(groupOf))].sort((a, b) => a - b);
  return RECOVERY_SHARES.map(({ label, share }, i) => {
    const points = groups.flatMap((group) => {
      const times = recoveriesMs(
        own.filter((result) => groupOf(result) === group),
        of,
      );
      const estimate = quantileEstimate(times, share);
      if (estimate === null) return [];
      return [{ x: group, y: estimate.value, low: estimate.low, high: estimate.high }];
    });
    return { label, color: colorAt(i), kind: 'dots', points };
  });
}

function formulaOf({ color, label, points }: ChartSeries, i: number): ChartSeries {
  const share = RECOVERY_SHARES[i]?.share ?? 0.5;
  return {
    label: `${label}, expected`,
    color,
    kind: 'dashes',
    points: points.map(({ x }) => ({ x, y: recoveryMs(x, share) })),
  };
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function pointsText({ label, points }: ChartSeries): string {
  return `${label} ${points.map(({ x, y }) => `${x}: ${milliseconds(y)}`).join(', ')}`;
}

// ---- Latency ------------------------------------------------------------------------------------

function latencyFigure(results: readonly Result[]): Figure[] {
  // A single server waits for nobody.
  const points = sizesOf(results).flatMap((nodes) => {
    const estimate = nodes === 1 ? null : quantileEstimate(latenciesMs(results, nodes), 0.5);
    if (estimate === null) return [];
    return [{ x: nodes, y: estimate.value, low: estimate.low, high: estimate.high }];
  });
  if (points.length === 0) return [];
  const expected = points.map(({ x }) => ({ x, y: commitMs(x, 0.5) }));
  const all = [...points.flatMap(({ high, low }) => [low, high]), ...expected.map(({ y }) => y)];
  const spec = {
    title: 'Median latency of a write by size, while no server has failed',
    alt:
      'Median latency of a write against the number of servers: ' +
      points.map(({ x, y }) => `${x} ${milliseconds(y)}`).join(', '),
    x: { label: 'servers', ticks: points.map(({ x }) => x) },
    y: {
      label: 'milliseconds until the write was acknowledged',
      domain: [
        Math.min(...all) - AXIS_STEP_LATENCY_MS,
        Math.max(...all) + AXIS_STEP_LATENCY_MS,
      ] as const,
    },
    panels: [
      {
        title: '',
        series: [
          { label: 'measured', color: PALETTE[0], kind: 'dots' as const, points },
          {
            label: 'expected of the order of the answers',
            color: PALETTE[1],
            kind: 'dashes' as const,
            points: expected,
          },
        ],
      },
    ],
  };
  const caption =
    'The server that makes the number even has to be waited for, and lets no more fail. The axis ' +
    'does not begin at zero.';
  return [chartFigure(spec, 'latency.svg', caption)];
}

const AXIS_STEP_LATENCY_MS = 0.05;

function colorAt(i: number): string {
  return PALETTE[i % PALETTE.length] ?? PALETTE[0];
}
