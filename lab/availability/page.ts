/** The report as one page that needs nothing else. */
import { plainPage } from '../report/plain-page.ts';
import { COLORS, escapeMarkup, PALETTE } from '../report/plot.ts';
import type { Content, Figure, Table } from './content.ts';

const { axis, grid, ink, outage, paper, quiet } = COLORS;

export function reportPage(content: Content): string {
  return plainPage({
    ...content,
    passed: content.complaints.length === 0,
    findings: [...content.figures.map(figure), ...content.tables.map(table)].join('\n'),
    style: STYLE,
    colors: [paper, ink, quiet, grid, axis, outage, PALETTE[0], PALETTE[1]],
  });
}

function figure({ caption, svg, title }: Figure): string {
  const text = `<figcaption>${escapeMarkup(caption)}</figcaption>`;
  return `<h2>${escapeMarkup(title)}</h2>\n<figure>${svg.trim()}${text}</figure>`;
}

function table({ heads, note, rows, title, words }: Table): string {
  const kind = (i: number): string => (i < words ? '' : ' class="number"');
  const head = heads.map((text, i) => `<th scope="col"${kind(i)}>${escapeMarkup(text)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((text, i) => `<td${kind(i)}>${escapeMarkup(text)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  return (
    `<h2>${escapeMarkup(title)}</h2>\n` +
    `<div class="table" tabindex="0" role="region" aria-label="${escapeMarkup(title)}"><table>` +
    `<thead><tr>${head.join('')}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>` +
    `</table></div>\n<p class="note">${escapeMarkup(note)}</p>`
  );
}

const STYLE = `.lede{margin:1.75rem 0 0;max-width:46rem;font-size:1.15rem;text-wrap:pretty}
figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;min-width:40rem;height:auto}
th,td{padding:.42rem .6rem;text-align:left;vertical-align:bottom;font-weight:400}
td{white-space:nowrap}
.number{text-align:right}
`;
