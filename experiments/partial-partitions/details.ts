/** Everything that was measured, a table for each partition. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { sharePercent, shortMs, shortNumber } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { type Grid, pictureFile, tenths } from './grid.ts';
import { isDown, type Summary } from './summary.ts';
import { type TopologyName, topologyOf } from './topologies.ts';
import { VARIANT_TITLES } from './variants.ts';

const HEADS = [
  'load',
  'variant',
  'available',
  'changes a minute',
  'final term',
  'recovery ms',
  'longest gap ms',
  'down in',
  'healed: next write ms',
  'then gap ms',
];

export function detailTables(grids: readonly Grid[]): Table[] {
  const names = [...new Set(grids.flatMap(({ topologies }) => topologies))];
  return names.map((topology) => detailTable(topology, grids));
}

function detailTable(topology: TopologyName, grids: readonly Grid[]): Table {
  const { about, source, title } = topologyOf(topology);
  return {
    title,
    heads: HEADS,
    words: 2,
    rows: grids.flatMap((grid) =>
      grid.variants.flatMap((variant) => {
        const summary = grid.find(topology, variant);
        return summary === undefined ? [] : [rowOf(grid, summary)];
      }),
    ),
    note:
      `${about} Known from: ${source}. In parentheses 95 % intervals; down in: trials without ` +
      'any service.',
  };
}

function rowOf(grid: Grid, summary: Summary): TableCell[] {
  const { availability, cell, changesPerMinute, down, finalTerm, trials } = summary;
  const { gapMs, healedGapMs, healedMs, recoveryMs } = summary;
  const shown = within(availability, sharePercent);
  return [
    grid.title,
    { text: VARIANT_TITLES[cell.variant], href: pictureFile(grid, cell) },
    isDown(summary) ? { text: shown, tone: 'bad' } : shown,
    within(changesPerMinute, tenths),
    within(finalTerm, (value) => shortNumber(Math.round(value))),
    within(recoveryMs, recovered),
    within(gapMs, shortMs),
    `${Math.round(down.value * trials)} of ${trials}`,
    within(healedMs, shortMs),
    within(healedGapMs, shortMs),
  ];
}

function recovered(ms: number): string {
  return Number.isFinite(ms) ? shortMs(ms) : 'never';
}

/** With its interval in the same unit, unless that says the same. */
function within({ high, low, value }: Estimate, write: (value: number) => string): string {
  const [text, from, to] = [write(value), write(low), write(high)];
  if (from === text && to === text) return text;
  return `${text} (${from.replace(' %', '')}–${to})`.replace(/ %\)$/, ')');
}
