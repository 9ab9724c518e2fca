/**
 * Plots of results as standalone SVG: `lines` over a factor with intervals over trials, and the
 * `timeline` of one run with its faults drawn in. Colours are explicit attributes, so that a
 * picture reads alike on its own, in a report and on a dark page.
 */
import type { PlotSpec } from '../experiment.ts';
import type { ResultDocument } from '../results.ts';
import { linesPlot } from './plot-lines.ts';
import { emptyPlot, type PlotLayout } from './plot-parts.ts';
import { timelinePlot, timelineRow } from './plot-timeline.ts';

export { COLORS, PALETTE } from './colors.ts';
export { metricName } from './metric-names.ts';
export { escapeMarkup } from './plot-parts.ts';
export { outagesOf, timelineRow } from './plot-timeline.ts';

/** A plot of a result as a standalone SVG document. */
export function renderPlot(
  spec: PlotSpec,
  result: ResultDocument,
  layout: PlotLayout = 'wide',
): string {
  if (spec.kind === 'lines') return linesPlot(spec, result, layout);
  const row = timelineRow(result);
  if (row?.timeline === undefined || row.timeline.points.length === 0) {
    return emptyPlot(spec.title, 'No time line was recorded.', layout);
  }
  return timelinePlot(spec.title, row.timeline, row.factors, layout);
}
