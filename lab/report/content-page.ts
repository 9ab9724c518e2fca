/** The report as one page that needs nothing else. */

import type { Content, Figure, Table, TableCell } from './content.ts';
import { colorsIn } from './page-parts.ts';
import { plainPage } from './plain-page.ts';
import { escapeMarkup } from './plot-parts.ts';

export function reportPage(content: Content): string {
  return plainPage({
    ...content,
    passed: content.complaints.length === 0,
    findings: [...content.figures.map(figure), ...content.tables.map(table)].join('\n'),
    style: STYLE,
    colors: colorsIn(content.figures.flatMap(({ narrow = '', svg }) => [svg, narrow])),
  });
}

function figure({ caption, narrow, svg, title }: Figure): string {
  const text = `<figcaption>${escapeMarkup(caption)}</figcaption>`;
  // A picture that begins with its title needs no heading above it but for those who hear it.
  const titled = svg.includes(`<title>${escapeMarkup(title)}</title>`);
  const heading = `<h2${titled ? ' class="unseen"' : ''}>${escapeMarkup(title)}</h2>\n`;
  if (narrow === undefined) {
    return `${heading}<figure class="only">${svg.trim()}${text}</figure>`;
  }
  const layouts = `<div class="wide">${svg.trim()}</div><div class="narrow">${narrow.trim()}</div>`;
  return `${heading}<figure>${layouts}${text}</figure>`;
}

function table({ heads, note, rows, title, words }: Table): string {
  const kind = (i: number): string => (i < words ? '' : ' class="number"');
  const head = heads.map((text, i) => `<th scope="col"${kind(i)}>${escapeMarkup(text)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, i) => `<td${classes(cell, i < words)}>${inner(cell)}</td>`);
    return `<tr>${cells.join('')}</tr>`;
  });
  return (
    `<h2>${escapeMarkup(title)}</h2>\n` +
    `<div class="table" tabindex="0" role="region" aria-label="${escapeMarkup(title)}"><table>` +
    `<thead><tr>${head.join('')}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>` +
    `</table></div>\n<p class="note">${escapeMarkup(note)}</p>`
  );
}

function classes(cell: TableCell, isWords: boolean): string {
  const tone = typeof cell === 'string' ? undefined : cell.tone;
  const all = [isWords ? '' : 'number', tone ?? ''].filter((name) => name !== '');
  return all.length === 0 ? '' : ` class="${all.join(' ')}"`;
}

function inner(cell: TableCell): string {
  if (typeof cell === 'string') return escapeMarkup(cell);
  const { href, text } = cell;
  const shown = escapeMarkup(text);
  return href === undefined ? shown : `<a href="${escapeMarkup(href)}">${shown}</a>`;
}

const STYLE = `.lede{margin:1.75rem 0 0;max-width:46rem;font-size:1.15rem;text-wrap:pretty}
figure{margin:0 -1rem;overflow-x:auto}
figcaption{padding:0 1rem;box-sizing:content-box}
.unseen{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%)}
.unseen+figure{margin-top:3rem}
figure svg{display:block;max-width:100%;height:auto}
.only svg{min-width:40rem}
.narrow{display:none}
@media (max-width:44rem){.wide{display:none}.narrow{display:block}}
td.good,td.fair,td.bad{border-left:3px solid}
td.good{background:var(--good-tint);border-left-color:var(--good)}
td.fair{background:var(--fair-tint);border-left-color:var(--fair)}
td.bad{background:var(--bad-tint);border-left-color:var(--bad)}
td.quiet{color:var(--quiet)}
td a{color:inherit}
th,td{padding:.42rem .6rem;text-align:left;vertical-align:bottom;font-weight:400}
td{white-space:nowrap}
.number{text-align:right}
@media print{figure{margin-inline:0}}
`;
