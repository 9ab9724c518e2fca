/** Goodput, elections and stability over the share of messages that is lost. */
import {
  type Chart,
  type ChartPanel,
  type ChartPoint,
  type ChartSeries,
  chartFigure,
} from '../../lab/report/chart.ts';
import { PALETTE } from '../../lab/report/colors.ts';
import type { Figure } from '../../lab/report/content.ts';
import { exactNumber, milliseconds, percent, shortNumber } from '../../lab/report/table.ts';
import { election, goodput, idleChanges, type Result, type Value, valuesOf } from './measures.ts';
import { type Cell, PATTERNS } from './trial.ts';

const LOSS_AXIS = {
  label: 'messages lost between servers',
  format: (share: number): string => percent(share),
} as const;

export function figuresOf(results: readonly Result[], seed: number): Figure[] {
  const measured = results.filter(({ samples }) => samples.length > 0);
  if (measured.length === 0) return [];
  return [goodputFigure(measured, seed), electionFigure(measured), stabilityFigure(measured, seed)];
}

function goodputFigure(results: readonly Result[], seed: number): Figure {
  const panels = valuesOf(results, 'nodes').flatMap((nodes) =>
    valuesOf(results, 'outstanding').map((outstanding) =>
      panelOf(
        `${nodes} servers, ${outstanding} outstanding`,
        results,
        { nodes, outstanding },
        (own) =>
          goodput(
            own.flatMap(({ samples }) => samples),
            seed,
          ),
      ),
    ),
  );
  return figure(results, {
    title: 'Acknowledged writes a second',
    about: `writes a second ${ends(panels, (rate) => `${shortNumber(rate)}/s`)}`,
    y: { label: 'writes a second', scale: 'log', format: exactNumber },
    panels,
    file: 'goodput.svg',
    caption:
      'Bars are 95 % intervals, bootstrapped over the trials. The mark of netem stands at the ' +
      'share that its recipe loses, though duplicates make up for some of it.',
  });
}

function electionFigure(results: readonly Result[]): Figure {
  const panels = valuesOf(results, 'nodes').flatMap((nodes) =>
    [0.5, 0.9].map((q) =>
      panelOf(`${nodes} servers, p${q * 100}`, results, { nodes }, (own) => election(own, q)),
    ),
  );
  return figure(results, {
    title: 'Time to elect a leader after a crash',
    about: `the median and p90 of the time to elect, ${ends(panels, milliseconds)}`,
    y: { label: 'milliseconds', scale: 'log', format: exactNumber },
    panels,
    file: 'elections.svg',
    caption:
      'From the crash of a leader until another server leads. Bars are 95 % intervals, by order ' +
      'statistics.',
  });
}

function stabilityFigure(results: readonly Result[], seed: number): Figure {
  const panels = valuesOf(results, 'nodes').map((nodes) =>
    panelOf(`${nodes} servers`, results, { nodes }, (own) => idleChanges(own, seed)),
  );
  return figure(results, {
    title: 'Changes of leader a minute, without any load',
    about: `changes of leader a minute ${ends(panels, shortNumber)}`,
    y: { label: 'changes a minute' },
    panels,
    file: 'changes.svg',
    caption:
      'No server fails: every change is a leader that could not be heard. Bars are 95 % ' +
      'intervals, bootstrapped over the trials.',
  });
}

type Plan = Pick<Chart, 'title' | 'y' | 'panels'> & {
  readonly about: string;
  readonly file: string;
  readonly caption: string;
};

function figure(results: readonly Result[], { about, caption, file, ...chart }: Plan): Figure {
  const ticks = valuesOf(results, 'loss').filter((loss) => loss === 0 || loss >= 0.05);
  const alt = `Curves over the share of messages lost, a panel for each: ${about}.`;
  return chartFigure({ ...chart, alt, x: { ...LOSS_AXIS, ticks } }, file, caption);
}

/** One line for each pattern. A pattern without losses is the one without a pattern. */
function panelOf(
  title: string,
  results: readonly Result[],
  wanted: Partial<Cell>,
  measure: (own: readonly Result[]) => Value | null,
): ChartPanel {
  const factors = Object.keys(wanted) as (keyof Cell)[];
  const own = results.filter(({ cell }) => factors.every((name) => cell[name] === wanted[name]));
  const series = PATTERNS.flatMap((pattern, i): ChartSeries[] => {
    const points = valuesOf(own, 'loss').flatMap((loss): ChartPoint[] => {
      const at = own.filter(
        ({ cell }) =>
          cell.loss === loss && (cell.pattern === pattern || (loss === 0 && pattern !== 'netem')),
      );
      const found = at.length === 0 ? null : measure(at);
      if (found === null) return [];
      const { high, low, value } = found;
      const bar = low === undefined || high === undefined ? {} : { low, high };
      return [{ x: loss, y: value, ...bar }];
    });
    const isThere = own.some(({ cell }) => cell.pattern === pattern);
    const color = PALETTE[i % PALETTE.length] ?? PALETTE[0];
    return isThere
      ? [{ label: pattern, color, kind: points.length > 1 ? 'line' : 'dots', points }]
      : [];
  });
  return { title, series };
}

/** From the first to the last point of the first line of each panel, in words. */
function ends(panels: readonly ChartPanel[], write: (value: number) => string): string {
  return panels
    .flatMap(({ series, title }) => {
      const [first] = series;
      const [from, to] = [first?.points[0], first?.points.at(-1)];
      if (first === undefined || from === undefined || to === undefined) return [];
      const change = `${write(from.y)} at ${percent(from.x)}, ${write(to.y)} at ${percent(to.x)}`;
      return [`${title}, ${first.label}: ${change}`];
    })
    .join('; ');
}
