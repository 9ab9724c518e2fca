/** The study's pictures. */
import { type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { matrixFigure } from '../../lab/report/matrix.ts';
import { sharePercent } from '../../lab/report/table.ts';
import {
  costSamples,
  countedOf,
  countOf,
  middleOf,
  ofUsualBound,
  type Result,
  STORIES,
  STORY_NAMES,
  shareOf,
  staleSamples,
} from './counts.ts';
import { MODE_NAMES, MODES } from './situations.ts';

export function figuresOf(results: readonly Result[]): Figure[] {
  return [...matrixOf(results), ...driftChart(results), ...costChart(results)];
}

function colorOf(i: number): string {
  return PALETTE[i % PALETTE.length] ?? PALETTE[0];
}

// ---- Who was stale ------------------------------------------------------------------------------

function matrixOf(all: readonly Result[]): Figure[] {
  const results = ofUsualBound(all);
  const stories = STORIES.filter((story) =>
    MODES.some((mode) => countedOf(results, mode, [story]).trials > 0),
  );
  const modes = MODES.filter((mode) => countedOf(results, mode).trials > 0);
  if (stories.length === 0) return [];
  const rows = modes.map((mode) => ({
    label: MODE_NAMES[mode],
    cells: stories.map((story) => {
      const share = shareOf(countedOf(results, mode, [story]));
      if (share === null) return { text: '–', shade: null };
      return { text: sharePercent(share.value), shade: 1 - share.value };
    }),
  }));
  const told = rows.map(({ cells, label }) => {
    const shares = cells.map(({ text }, i) => `${STORY_NAMES[stories[i] ?? 'true']} ${text}`);
    return `${label}: ${shares.join(', ')}`;
  });
  const title = 'Trials in which a read was stale';
  return [
    matrixFigure(
      {
        title,
        alt: `${title}. ${told.join('. ')}.`,
        columns: stories.map((story) => STORY_NAMES[story]),
        rows,
        scale: ['every trial', 'no trial'],
        rowsTitle: 'reads',
        columnsTitle: 'the old leader, cut off and replaced',
      },
      'stale.svg',
      'In every column a leader has been replaced and is still asked. Drifts within, and ' +
        'beyond, what leases allow for are taken together.',
    ),
  ];
}

// ---- Where leases break -------------------------------------------------------------------------

function driftChart(results: readonly Result[]): Figure[] {
  const cut = results.filter(({ cell }) => cell.situation === 'cutOff');
  const drifts = new Set(cut.map(({ cell }) => cell.driftPercent));
  if (drifts.size < 2) return [];
  const leases = cut.filter(({ cell }) => cell.mode === 'lease');
  const bounds = [...new Set(leases.map(({ cell }) => cell.assumedPercent))];
  const byBound = bounds.flatMap((bound, i): ChartSeries[] => {
    const color = colorOf(i);
    const ofBound = leases.filter(({ cell }) => cell.assumedPercent === bound);
    const line = ends(bound);
    return [
      { label: `allow for ${bound} %`, color, kind: 'line', points: pointsOf(ofBound) },
      { label: `the bound of ${bound} %`, color, kind: 'dashes', points: line },
    ];
  });
  const usual = ofUsualBound(cut);
  const byMode = MODES.flatMap((mode, i): ChartSeries[] => {
    const points = pointsOf(usual.filter(({ cell }) => cell.mode === mode));
    const color = colorOf(i + bounds.length);
    return points.length === 0 ? [] : [{ label: MODE_NAMES[mode], color, kind: 'line', points }];
  });
  const panels = [
    { title: 'Leases, by what they allow for', series: byBound },
    {
      title: `Every way of reading (leases: ${usual[0]?.cell.assumedPercent ?? 0} %)`,
      series: byMode,
    },
  ].filter(({ series }) => series.length > 0);
  return [
    chartFigure(
      {
        title: 'Where leases break',
        alt: altOf(byBound, byMode),
        x: { label: 'old leader’s clock slow, the others’ fast, by per cent' },
        y: { label: 'share of trials with a stale read', domain: [0, 1] },
        panels,
      },
      'drift.svg',
      'Up to its bound, the dashed line of its colour, a lease must not be stale. Bars are ' +
        'exact 95 % intervals.',
    ),
  ];
}

function ends(bound: number): ChartSeries['points'] {
  return [
    { x: bound, y: 0 },
    { x: bound, y: 1 },
  ];
}

function pointsOf(results: readonly Result[]) {
  return results.flatMap((result) => {
    const share = shareOf(countOf(staleSamples(result)));
    if (share === null) return [];
    return [{ x: result.cell.driftPercent, y: share.value, low: share.low, high: share.high }];
  });
}

function altOf(byBound: readonly ChartSeries[], byMode: readonly ChartSeries[]): string {
  const first = byBound
    .filter(({ kind }) => kind === 'line')
    .map(({ label, points }) => {
      const broken = points.find(({ y }) => y > 0);
      const where = broken === undefined ? 'never stale' : `stale from ${broken.x} % on`;
      return `leases that ${label} are ${where}`;
    });
  const second = byMode.map(({ label, points }) => {
    const most = points.reduce((max, { y }) => Math.max(max, y), 0);
    return `${label} in at most ${sharePercent(most)} of trials`;
  });
  const told = [...first, ...second].join('; ');
  return `Share of trials with a stale read by drift of clocks: ${told}.`;
}

// ---- What reads cost ----------------------------------------------------------------------------

function costChart(results: readonly Result[]): Figure[] {
  const healthy = results.filter((result) => costSamples(result).length > 0);
  const loads = [...new Set(healthy.map(({ cell }) => cell.outstanding))];
  const panels = loads.map((outstanding) => ({
    title: outstanding === 1 ? 'one read at a time' : `${outstanding} reads outstanding`,
    series: MODES.flatMap((mode, i): ChartSeries[] => {
      const found = healthy.find(
        ({ cell }) => cell.mode === mode && cell.outstanding === outstanding,
      );
      if (found === undefined) return [];
      const costs = costSamples(found);
      const x = middleOf(costs, 'messagesPerRead')?.value;
      const y = middleOf(costs, 'p50Ms');
      if (x === undefined || y === null) return [];
      const points = [{ x: Math.max(0, x), y: y.value, low: y.low, high: y.high }];
      return [{ label: MODE_NAMES[mode], color: colorOf(i), kind: 'dots', points }];
    }),
  }));
  if (panels.length === 0) return [];
  const told = panels.map(({ series, title }) => {
    const dots = series.map(({ label, points: [point] }) => {
      const messages = (point?.x ?? 0).toFixed(1);
      return `${label} ${messages} messages and ${(point?.y ?? 0).toFixed(1)} ms`;
    });
    return `${title}: ${dots.join(', ')}`;
  });
  return [
    chartFigure(
      {
        title: 'What a read costs',
        alt: `Median latency by messages for each read. ${told.join('. ')}.`,
        x: { label: 'messages between servers for each read' },
        y: { label: 'median latency, ms', domain: [0, Math.ceil(highest(panels))] },
        panels,
      },
      'cost.svg',
      'Leases and stale reads lie on each other: neither asks anybody.',
    ),
  ];
}

function highest(panels: readonly { readonly series: readonly ChartSeries[] }[]): number {
  const all = panels.flatMap(({ series }) => series.flatMap(({ points }) => points));
  return all.reduce((most, { high = 0, y }) => Math.max(most, high, y), 0);
}
