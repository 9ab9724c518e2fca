/**
 * A report as one page that needs nothing else: styles and plots are in it, there is no script. It
 * is set for reading on paper, on a telephone and at night; every text is escaped.
 */

import type { ResultDocument } from '../results.ts';
import { darkPlots, definitions, marked } from './page-parts.ts';
import { COLORS, escapeMarkup, PALETTE, renderPlot } from './plot.ts';
import type { ReportContent, ReportFigure, ReportValue } from './report.ts';

/** The report as an HTML document. */
export function reportHtml(content: ReportContent, result: ResultDocument): string {
  const { question, name } = content;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(name)}: ${escapeMarkup(question)}</title>
<style>${STYLE}${darkPlots(DARKENED, '.plot', (light) => `.plot [fill="${light}"]`)}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">Raft lab · experiment <b>${escapeMarkup(name)}</b></p>
<h1>${escapeMarkup(question)}</h1>
</header>
${incomplete(content)}${banner(content)}
<p class="lede">${[content.answer, ...content.headline].map(marked).join(' ')}</p>
${setup(content)}
${content.figures.map((figure) => figureHtml(figure, result)).join('\n')}
<section>
<h2>Results, cell by cell</h2>
${table(content)}
<p class="note">${escapeMarkup(content.tableNote)}</p>
</section>
${caveats(content)}
${provenance(content)}
</main>
</body>
</html>
`;
}

function incomplete({ incomplete: missing }: ReportContent): string {
  if (missing.length === 0) return '';
  const items = missing.map((phrase) => `<li>${escapeMarkup(phrase)}</li>`).join('');
  return (
    '<div class="banner failed" role="status"><span class="mark">!</span><div>' +
    `<p>Incomplete</p><ul>${items}</ul></div></div>\n`
  );
}

function banner({ audit }: ReportContent): string {
  const mark = { passed: '✓', failed: '✕', none: '–' }[audit.state];
  const failures = audit.failures.map((failure) => `<li>${escapeMarkup(failure)}</li>`).join('');
  return (
    `<div class="banner ${audit.state}" role="status"><span class="mark">${mark}</span><div>` +
    `<p>${escapeMarkup(audit.sentence)}</p>${failures && `<ul>${failures}</ul>`}</div></div>`
  );
}

function setup({ setup, constants }: ReportContent): string {
  const rest = definitions(constants);
  const more =
    rest === ''
      ? ''
      : `<details><summary>Everything else, held at one value</summary>${rest}</details>`;
  return `<section class="setup"><h2>Set-up</h2>${definitions(setup)}${more}</section>`;
}

/** Both layouts are in the page; the style shows the one that fits. */
function figureHtml(figure: ReportFigure, result: ResultDocument): string {
  const plot = (layout: 'wide' | 'narrow'): string =>
    `<div class="plot ${layout}">${renderPlot(figure.spec, result, layout).trim()}</div>`;
  return (
    `<figure>${plot('wide')}${plot('narrow')}` +
    `<figcaption>${escapeMarkup(figure.caption)}</figcaption></figure>`
  );
}

function table({ table }: ReportContent): string {
  if (table.rows.length === 0) return '<p>There are no cells.</p>';
  const wide = (i: number): boolean =>
    table.rows.some((row) => row[i]?.half !== undefined && row[i].half !== '');
  const heads = table.heads.map((head, i) => {
    const span = wide(i) ? ' colspan="2" class="mean"' : '';
    // Two words above one another: the numbers below them are narrow.
    return `<th scope="col"${span}>${escapeMarkup(head).replace(/(\w) (\w)/, '$1<br>$2')}</th>`;
  });
  const rows = table.rows.map((row, r) => {
    // A rule above each new value of the first factor makes blocks that the eye can find.
    const starts = r > 0 && table.rows[r - 1]?.[0]?.text !== row[0]?.text;
    const cells = row.map((value, i) => cell(value, i < table.factorCount, wide(i)));
    return `<tr${starts ? ' class="block"' : ''}>${cells.join('')}</tr>`;
  });
  // Without a scroll box of its own the header can stick to the window; wide tables need the box.
  const fits = table.factorCount <= 4 ? ' fits' : '';
  return (
    `<div class="table${fits}" tabindex="0" role="region" aria-label="Results, cell by cell">` +
    `<table><thead><tr>${heads.join('')}</tr></thead>\n` +
    `<tbody>\n${rows.join('\n')}\n</tbody></table></div>`
  );
}

function cell(value: ReportValue, isFactor: boolean, wide: boolean): string {
  const text = escapeMarkup(value.text);
  if (isFactor) return `<th scope="row">${text}</th>`;
  if (value.failed) return `<td class="failed">${text}</td>`;
  const bar =
    value.bar === undefined ? '' : ` class="bar" style="--share:${(value.bar * 100).toFixed(1)}%"`;
  const half = value.half ? `± ${escapeMarkup(value.half)}` : '';
  return `<td${bar}>${text}</td>${wide ? `<td class="half">${half}</td>` : ''}`;
}

function caveats({ caveats }: ReportContent): string {
  if (caveats.length === 0) return '';
  const items = caveats.map((caveat) => `<li>${escapeMarkup(caveat)}</li>`).join('');
  return `<section><h2>What this does not show</h2><ul class="caveats">${items}</ul></section>`;
}

function provenance({ provenance, command }: ReportContent): string {
  return (
    `<section class="provenance"><h2>Where this comes from</h2>${definitions(provenance)}` +
    `<p>Regenerate it with</p><pre><code>${escapeMarkup(command)}</code></pre>` +
    `<p class="note">Every trial is in <code>results.json</code>, and the above as data in ` +
    `<code>manifest.json</code>, beside this page.</p></section>`
  );
}

const { axis, grid, ink, outage, paper, quiet } = COLORS;
const PLOTTED = [PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[6]];
const DARKENED = [paper, ink, quiet, grid, axis, outage, ...PLOTTED];

const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--quiet:#5b6470;--line:#e3e6ea;
--tint:#f6f7f9;--accent:#0072b2;--bar:#d3e6f3;--good:#0b6b4f;--good-tint:#e8f5f0;--bad:#b3001b;
--bad-tint:#fdecee}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e8eaed;--quiet:#a3abb5;
--line:#2c3138;--tint:#1d2126;--accent:#4aa3e0;--bar:#1d3a50;--good:#5fd0a8;--good-tint:#14291f;
--bad:#ff7a8a;--bad-tint:#35171b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:62rem;margin:0 auto;padding:3.5rem 1.25rem 5rem}
.eyebrow{margin:0 0 .75rem;color:var(--quiet);font-size:.875rem}
.eyebrow b{font-weight:600;color:var(--ink)}
h1{margin:0;max-width:24em;font-size:clamp(1.6rem,1.1rem + 2.2vw,2.4rem);line-height:1.18;
letter-spacing:-.015em;font-weight:680;text-wrap:balance}
h2{margin:0 0 1rem;font-size:1.2rem;letter-spacing:-.005em;font-weight:650}
section{margin-top:3.25rem}
.banner{display:flex;gap:.75rem;margin:1.75rem 0 0;padding:.8rem 1rem;border-radius:.5rem;
background:var(--tint);border-left:4px solid var(--quiet)}
.banner p{margin:0;text-wrap:pretty}
.banner ul{margin:.5rem 0 0;padding-left:1.1rem;font-size:.9rem;overflow-wrap:anywhere}
.banner .mark{font-weight:700}
.banner.passed{background:var(--good-tint);border-color:var(--good)}
.banner.passed .mark{color:var(--good)}
.banner.failed{background:var(--bad-tint);border-color:var(--bad);color:var(--bad)}
.banner.failed p{font-weight:650}
.lede{margin:1.75rem 0 0;max-width:46rem;font-size:1.15rem;line-height:1.6;text-wrap:pretty}
.lede strong{font-weight:680;white-space:nowrap}
dl{margin:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(12.5rem,1fr));
gap:1rem 2rem}
dt{color:var(--quiet);font-size:.8125rem}
dd{margin:0;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.setup{margin-top:2.25rem;padding:1.25rem 0;border-top:1px solid var(--line);
border-bottom:1px solid var(--line)}
.setup h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
details{margin-top:1rem}
summary{cursor:pointer;color:var(--quiet);font-size:.875rem}
details dl{margin-top:.9rem;font-size:.875rem}
figure{margin:3rem 0 0}
.plot svg{display:block;height:auto}
.plot.wide svg{margin:0 -1rem;max-width:calc(100% + 2rem)}
.plot.narrow{display:none}
@media screen and (max-width:760px){.plot.wide{display:none}.plot.narrow{display:block}
.plot.narrow{max-width:540px}.plot.narrow svg{margin:0 -4%;width:108%}
main{padding-top:2rem}dl{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}}
figcaption,.note{margin:.5rem 0 0;max-width:46rem;color:var(--quiet);font-size:.9rem;
text-wrap:pretty}
.table{overflow:auto;max-height:min(85vh,56rem);border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.875rem;line-height:1.3;
font-variant-numeric:tabular-nums}
th,td{padding:.42rem .5rem;text-align:right;white-space:nowrap;font-weight:400}
thead th{position:sticky;top:0;z-index:1;background:var(--tint);color:var(--quiet);
font-size:.8125rem;font-weight:600;border-bottom:1px solid var(--line);white-space:normal;
vertical-align:bottom}
thead th.mean{text-align:center}
thead th:last-child,td:last-child{text-align:left}
tbody tr.block>*{border-top:1px solid var(--line)}
tbody tr:hover>*{background-color:var(--tint)}
td.half{padding-left:0;font-size:.8rem;text-align:left;color:var(--quiet)}
td.bar{background-image:linear-gradient(var(--bar),var(--bar));background-repeat:no-repeat;
background-size:var(--share) 60%;background-position:0 50%;min-width:5.5rem}
@media screen and (min-width:64rem){.table.fits{width:max-content;min-width:100%;overflow:visible;
max-height:none}
.fits thead th:first-child{border-top-left-radius:.5rem}
.fits thead th:last-child{border-top-right-radius:.5rem}}
td.failed{color:var(--bad);font-weight:650}
.caveats{margin:0;padding-left:1.2rem;max-width:46rem}
.caveats li+li{margin-top:.4rem}
.provenance p{margin:1.25rem 0 .4rem}
pre{margin:0;padding:.8rem 1rem;overflow:auto;background:var(--tint);border-radius:.5rem;
font-size:.875rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media print{@page{margin:16mm}body{font-size:10.5pt}main{max-width:none;padding:0}
.table{max-height:none;overflow:visible;border:0}thead th{position:static}
figure,.banner,tr{break-inside:avoid}h2{break-after:avoid}section{margin-top:1.6rem}
table{font-size:8.5pt}th,td{padding:.25rem .4rem}.banner,td.bar,thead th{
-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;
