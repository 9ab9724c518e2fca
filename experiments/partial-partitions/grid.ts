/** The cells of the study as grids of partition by variant, one for each load. */

import type { Figure, Table, TableCell, Tone } from '../../lab/report/content.ts';
import type { Matrix } from '../../lab/report/matrix.ts';
import { matrixFigure } from '../../lab/report/matrix.ts';
import { sharePercent } from '../../lab/report/table.ts';
import type { Cell } from './partition.ts';
import { isDown, type Summary } from './summary.ts';
import { TOPOLOGIES, TOPOLOGY_NAMES, type TopologyName } from './topologies.ts';
import { VARIANT_NAMES, VARIANT_TITLES, type VariantName } from './variants.ts';

/** All cells that differ in partition and variant alone. */
export type Grid = {
  /** In a sentence: `under load`, `idle, 5 s`. */
  readonly title: string;
  /** In names of files. */
  readonly name: string;
  readonly topologies: readonly TopologyName[];
  readonly variants: readonly VariantName[];
  find(topology: TopologyName, variant: VariantName): Summary | undefined;
};

/** Above the one a cell is good, below the other it is bad. */
const GOOD = 0.9;
const BAD = 0.5;
/** So many leader changes a minute are as bad as can be told apart. */
const RESTLESS_PER_MINUTE = 60;

export function gridsOf(summaries: readonly Summary[]): Grid[] {
  const partitions = [...new Set(summaries.map(({ cell }) => cell.partitionS))];
  return (['loaded', 'idle'] as const).flatMap((load) =>
    partitions.flatMap((partitionS) => {
      const own = summaries.filter(
        ({ cell }) => cell.load === load && cell.partitionS === partitionS,
      );
      if (own.length === 0) return [];
      const several = partitions.length > 1;
      const title = load === 'loaded' ? 'under load' : 'idle';
      return [
        {
          title: several ? `${title}, ${partitionS} s` : title,
          name: several ? `${load}-${partitionS}s` : load,
          topologies: TOPOLOGY_NAMES.filter((name) =>
            own.some(({ cell }) => cell.topology === name),
          ),
          variants: VARIANT_NAMES.filter((name) => own.some(({ cell }) => cell.variant === name)),
          find: (topology: TopologyName, variant: VariantName) =>
            own.find(({ cell }) => cell.topology === topology && cell.variant === variant),
        },
      ];
    }),
  );
}

/** Where the picture of a cell lies, beside the report. */
export function pictureFile({ name }: Grid, { topology, variant }: Cell): string {
  return `pictures/${topology}-${name}-${variant}.svg`;
}

export function availabilityFigure(grid: Grid): Figure {
  const spec = matrixOf(grid, `Availability during the partition, ${grid.title}`, (summary) => ({
    text: sharePercent(summary.availability.value),
    shade: summary.availability.value,
  }));
  const caption =
    'Share of the 100 ms slices of a partition in which a write ' +
    `${grid.name.startsWith('idle') ? 'could be' : 'was'} served, mean over the trials.`;
  const scale = ['never', 'always'] as const;
  return matrixFigure({ ...spec, scale }, `availability-${grid.name}.svg`, caption);
}

export function changesFigure(grid: Grid): Figure {
  const spec = matrixOf(grid, `Leader changes a minute, ${grid.title}`, (summary) =>
    isDown(summary)
      ? { text: 'down', shade: 0 }
      : {
          text: tenths(summary.changesPerMinute.value),
          shade: 1 - Math.min(summary.changesPerMinute.value / RESTLESS_PER_MINUTE, 1),
        },
  );
  const scale = [`down, or ${RESTLESS_PER_MINUTE} and more`, 'none'] as const;
  const caption =
    'Elections won during the partition, mean over the trials. Down: nothing was served in any ' +
    'trial, so a leader that stays is no comfort.';
  return matrixFigure({ ...spec, scale }, `changes-${grid.name}.svg`, caption);
}

function matrixOf(
  { find, topologies, variants }: Grid,
  title: string,
  cellOf: (summary: Summary) => Matrix['rows'][number]['cells'][number],
): Omit<Matrix, 'scale'> {
  const rows = topologies.map((topology) => ({
    label: TOPOLOGIES[topology].title,
    cells: variants.map((variant) => {
      const summary = find(topology, variant);
      return summary === undefined ? { text: '', shade: null } : cellOf(summary);
    }),
  }));
  const columns = variants.map((variant) => VARIANT_TITLES[variant]);
  const told = rows.map(
    ({ cells, label }) =>
      `${label}: ${cells.map(({ text }, i) => `${columns[i]} ${text}`).join(', ')}`,
  );
  return { title, alt: `${title}. ${told.join('. ')}.`, columns, rows };
}

/** The coloured cells, each with a link to the picture of one of its runs. */
export function linkedTable(grid: Grid): Table {
  const { find, topologies, variants } = grid;
  return {
    title: `One run of each, ${grid.title}`,
    heads: ['partition', ...variants.map((variant) => VARIANT_TITLES[variant])],
    words: 1,
    rows: topologies.map((topology) => [
      TOPOLOGIES[topology].title,
      ...variants.map((variant): TableCell => {
        const summary = find(topology, variant);
        if (summary === undefined) return '';
        const { availability, cell } = summary;
        const text = isDown(summary) ? 'down' : sharePercent(availability.value);
        return { text, tone: toneOf(availability.value), href: pictureFile(grid, cell) };
      }),
    ]),
    note:
      'Each availability leads to a space-time picture of the first trial’s first moments. ' +
      `Green from ${sharePercent(GOOD)}, red below ${sharePercent(BAD)}.`,
  };
}

/** A rate, to one decimal. */
export function tenths(value: number): string {
  return String(Number(value.toFixed(1)));
}

function toneOf(availability: number): Tone {
  return availability >= GOOD ? 'good' : availability < BAD ? 'bad' : 'fair';
}
