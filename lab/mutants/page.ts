/** The report as one page that needs nothing else. */
import { plainPage } from '../report/plain-page.ts';
import { COLORS, escapeMarkup, PALETTE } from '../report/plot.ts';
import type { Content, Table } from './report.ts';

const { grid, ink, outage, paper, quiet } = COLORS;

export function reportPage(content: Content): string {
  const { plot } = content;
  const caption = `<figcaption>${escapeMarkup(plot.caption)}</figcaption>`;
  return plainPage({
    ...content,
    name: 'mutants',
    findings: `<figure>${plot.svg.trim()}${caption}</figure>
<h2>Results</h2>
${table(content.results, 'numbers')}
<p class="note">${escapeMarkup(content.resultsNote)}</p>
<h2>By what they are about</h2>
${table(content.kinds, 'texts')}
<h2>Where runs of the code as it is came</h2>
${table(content.reached, 'texts')}
<h2>The mutants</h2>
${table(content.bugs, 'texts')}`,
    style: '',
    colors: [paper, ink, quiet, grid, outage, PALETTE[0]],
  });
}

function table({ heads, rows }: Table, kind: 'numbers' | 'texts'): string {
  if (rows.length === 0) return '<p>None was run.</p>';
  const head = heads.map((text) => `<th scope="col">${escapeMarkup(text)}</th>`).join('');
  const body = rows.map(([name = '', ...cells]) => {
    const rest = cells.map((text) => `<td>${escapeMarkup(text)}</td>`).join('');
    return `<tr><th scope="row">${escapeMarkup(name)}</th>${rest}</tr>`;
  });
  return (
    `<div class="table ${kind}" tabindex="0" role="region" aria-label="table"><table>` +
    `<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody></table></div>`
  );
}
