/** The pictures of the study. */
import { type ChartPanel, type ChartSeries, chartFigure } from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { type MatrixCell, matrixFigure } from '../../lab/report/matrix.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { milliseconds, percent, sharePercent } from '../../lab/report/table.ts';
import { cdfPoints } from '../../lab/statistics/distance.ts';
import { disruptedOf, find, outagesMs, type Result } from './numbers.ts';
import { VARIANT_NAMES, VARIANT_TITLES, WATCHED_MS, WHO, WHO_TITLES } from './setup.ts';

const CDF_POINTS = 100;

/** A share that is bad when it is high. */
type Share = (result: Result) => number | null;

export function figuresOf(results: readonly Result[]): Figure[] {
  return [
    shareMatrix(results, {
      of: (result) => disruptedOf(result) / result.samples.length,
      title: 'Trials in which a healthy leader was deposed',
      file: 'disrupted.svg',
      text: percent,
      scale: ['all deposed', 'none'],
      caption: 'The rows are what the servers have, the columns who comes back.',
    }),
    shareMatrix(results, {
      of: ({ samples }) => (mean(samples.map(({ outageMs }) => outageMs)) ?? 0) / WATCHED_MS,
      title: `Share of the ${WATCHED_MS / 1000} s after the return without a leader that commits`,
      file: 'unserved.svg',
      text: sharePercent,
      scale: ['a third and more', 'none'],
      worst: 1 / 3,
      caption: 'From the end of each leader to the next commit; the mean over all trials.',
    }),
    ...outageFigure(results),
  ];
}

type ShareMatrix = {
  readonly of: Share;
  readonly title: string;
  readonly file: string;
  readonly text: (share: number) => string;
  readonly scale: readonly [bad: string, good: string];
  /** The share from which on a cell has the worst shade; 1 if left out. */
  readonly worst?: number;
  readonly caption: string;
};

function shareMatrix(results: readonly Result[], wanted: ShareMatrix): Figure {
  const { caption, file, of, scale, text, title, worst = 1 } = wanted;
  const variants = VARIANT_NAMES.filter((name) =>
    results.some(({ cell }) => cell.variant === name),
  );
  const whos = WHO.filter((name) => results.some(({ cell }) => cell.who === name));
  const told: string[] = [];
  const rows = variants.map((variant) => {
    const cells = whos.map((who): MatrixCell => {
      const result = find(results, variant, who);
      const share = result === undefined ? null : of(result);
      if (share === null) return { text: '', shade: null };
      told.push(`${VARIANT_TITLES[variant]}, ${WHO_TITLES[who]}: ${text(share)}`);
      return { text: text(share), shade: 1 - Math.min(share / worst, 1) };
    });
    return { label: VARIANT_TITLES[variant], cells };
  });
  const columns = whos.map((who) => WHO_TITLES[who]);
  const spec = { title, alt: `${title}. ${told.join('; ')}.`, columns, rows, scale };
  return matrixFigure(spec, file, caption);
}

/** By who comes back, how long nothing is committed where the leader is deposed. */
function outageFigure(results: readonly Result[]): Figure[] {
  const panels = WHO.flatMap((who): ChartPanel[] => {
    const own = results.filter(({ cell }) => cell.who === who);
    const series = alike(own).map((group): ChartSeries => {
      const names = group.map(({ cell }) => VARIANT_TITLES[cell.variant]);
      const [first] = group;
      const index = first === undefined ? 0 : VARIANT_NAMES.indexOf(first.cell.variant);
      return {
        label: names.join(' or '),
        color: PALETTE[index % PALETTE.length] ?? PALETTE[0],
        kind: 'steps',
        points: cdfPoints(outagesMs(first?.samples ?? []), CDF_POINTS),
      };
    });
    return series.length === 0 ? [] : [{ title: WHO_TITLES[who], series }];
  });
  if (panels.length === 0) return [];
  const told = results.flatMap(({ cell, samples }) => {
    const outages = outagesMs(samples);
    if (outages.length === 0) return [];
    const words = `${VARIANT_TITLES[cell.variant]}, ${WHO_TITLES[cell.who]}`;
    return [`${words}: ${milliseconds(quantile(outages, 0.5))}`];
  });
  const spec = {
    title: 'How long nothing is committed where the leader is deposed',
    alt: `Cumulative distributions of the longest outage of a trial; medians ${told.join('; ')}.`,
    x: { label: 'milliseconds, the longest of a trial' },
    y: { label: 'share of those trials', domain: [0, 1] as const },
    panels,
  };
  const caption =
    'From the end of a leader to the next commit. Variants whose outages are the same to the ' +
    'microsecond share a curve: their trials meet the same chance, and what sets them apart ' +
    'never came into play.';
  return [chartFigure(spec, 'outages.svg', caption)];
}

/** Those with any disruption, together with those whose outages are the same. */
function alike(results: readonly Result[]): Result[][] {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const outages = outagesMs(result.samples);
    if (outages.length === 0) continue;
    const key = outages.join();
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}
