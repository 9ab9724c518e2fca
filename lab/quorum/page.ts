/** The report as one page that needs nothing else. */
import { plainPage } from '../report/plain-page.ts';
import { COLORS, escapeMarkup } from '../report/plot.ts';
import type { Content, Figure, Recipe, Table } from './content.ts';
import { DONE_COLOR, WRITES_COLOR } from './scenario-picture.ts';
import { SERVED_COLOR } from './staircase-picture.ts';

const { axis, grid, ink, outage, paper, quiet } = COLORS;

export function reportPage(content: Content): string {
  return plainPage({
    ...content,
    name: 'quorum',
    findings: [
      ...content.figures.map(figure),
      ...content.tables.map(table),
      '<h2>By hand</h2>',
      `<p class="note">${escapeMarkup(content.recipesNote)}</p>`,
      ...content.recipes.map(recipe),
    ].join('\n'),
    style: STYLE,
    colors: [paper, ink, quiet, grid, axis, outage, WRITES_COLOR, DONE_COLOR, SERVED_COLOR],
  });
}

function figure({ caption, svg, title }: Figure): string {
  const text = `<figcaption>${escapeMarkup(caption)}</figcaption>`;
  return `<h2>${escapeMarkup(title)}</h2>\n<figure>${svg.trim()}${text}</figure>`;
}

function table({ heads, note, rows, title }: Table): string {
  const head = heads.map((text) => `<th scope="col">${escapeMarkup(text)}</th>`).join('');
  const body = rows.map(
    (row) => `<tr>${row.map((text) => `<td>${escapeMarkup(text)}</td>`).join('')}</tr>`,
  );
  return (
    `<h2>${escapeMarkup(title)}</h2>\n` +
    `<div class="table" tabindex="0" role="region" aria-label="${escapeMarkup(title)}"><table>` +
    `<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody></table></div>\n` +
    `<p class="note">${escapeMarkup(note)}</p>`
  );
}

function recipe({ lines, title }: Recipe): string {
  return (
    `<details><summary>${escapeMarkup(title)}</summary>` +
    `<pre><code>${escapeMarkup(lines.join('\n'))}</code></pre></details>`
  );
}

const STYLE = `figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;min-width:40rem;height:auto}
details{margin:.4rem 0}
summary{cursor:pointer;padding:.2rem 0}
`;
