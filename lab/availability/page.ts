/** The report as one page that needs nothing else: styles and plots are in it, and no script. */
import { COLORS, escapeMarkup, PALETTE } from '../report/plot.ts';
import type { Content, Figure, Pairs, Table } from './content.ts';

export function reportPage(content: Content): string {
  const { complaints, name, question } = content;
  const passed = complaints.length === 0;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(name)}: ${escapeMarkup(question)}</title>
<style>${STYLE}${darkPlots()}</style>
</head>
<body>
<main>
<p class="eyebrow">Raft lab · experiment <b>${escapeMarkup(name)}</b></p>
<h1>${escapeMarkup(question)}</h1>
<div class="banner ${passed ? 'passed' : 'failed'}" role="status">
<p><b>${passed ? '✓' : '✕'}</b> ${escapeMarkup(content.verdict)}</p>
${list(complaints)}</div>
<p class="lede">${content.headline.map(marked).join(' ')}</p>
<h2>Set-up</h2>
${definitions(content.setup)}
${content.figures.map(figure).join('\n')}
${content.tables.map(table).join('\n')}
<h2>What this shows</h2>
${list(content.shows)}
<h2>What this does not show</h2>
${list(content.showsNot)}
<h2>Where this comes from</h2>
${definitions(content.provenance)}
<p>Regenerate it with</p>
<pre><code>${escapeMarkup(content.command)}</code></pre>
</main>
</body>
</html>
`;
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

function definitions(pairs: Pairs): string {
  const items = pairs.map(
    ([name, value]) => `<div><dt>${escapeMarkup(name)}</dt><dd>${escapeMarkup(value)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

function list(items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<ul>${items.map((item) => `<li>${escapeMarkup(item)}</li>`).join('')}</ul>`;
}

function marked(text: string): string {
  return text
    .split('**')
    .map((part, i) => (i % 2 === 1 ? `<strong>${escapeMarkup(part)}</strong>` : escapeMarkup(part)))
    .join('');
}

/** On a dark page the plots' explicit colours give way to ones that stand out there. */
function darkPlots(): string {
  const dark: Readonly<Record<string, string>> = {
    [COLORS.paper]: '#16191d',
    [COLORS.ink]: '#e8eaed',
    [COLORS.quiet]: '#a3abb5',
    [COLORS.grid]: '#2c3138',
    [COLORS.axis]: '#6b7480',
    [COLORS.outage]: '#ff5a6e',
    [PALETTE[0]]: '#4aa3e0',
    [PALETTE[1]]: '#f0803c',
  };
  const rules = Object.entries(dark).flatMap(([light, color]) => [
    `svg[fill="${light}"],svg [fill="${light}"]{fill:${color}}`,
    `svg [stroke="${light}"]{stroke:${color}}`,
  ]);
  return `@media screen and (prefers-color-scheme:dark){${rules.join('')}}\n`;
}

const STYLE = `
:root{--paper:#fff;--ink:#1b1f24;--quiet:#5b6470;--line:#e3e6ea;--tint:#f6f7f9;--good:#0b6b4f;
--good-tint:#e8f5f0;--bad:#b3001b;--bad-tint:#fdecee}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e8eaed;--quiet:#a3abb5;
--line:#2c3138;--tint:#1d2126;--good:#5fd0a8;--good-tint:#14291f;--bad:#ff7a8a;--bad-tint:#35171b}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:62rem;margin:0 auto;padding:3rem 1.25rem 5rem}
.eyebrow{margin:0 0 .75rem;color:var(--quiet);font-size:.875rem}
h1{margin:0;font-size:clamp(1.6rem,1.1rem + 2.2vw,2.4rem);line-height:1.18;text-wrap:balance}
h2{margin:3rem 0 1rem;font-size:1.2rem}
.banner{margin:1.75rem 0 0;padding:.8rem 1rem;border-radius:.5rem;border-left:4px solid}
.banner p{margin:0}
.banner.passed{background:var(--good-tint);border-color:var(--good)}
.banner.failed{background:var(--bad-tint);border-color:var(--bad);color:var(--bad)}
.lede{margin:1.75rem 0 0;max-width:46rem;font-size:1.15rem;text-wrap:pretty}
dl{margin:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(12.5rem,1fr));gap:1rem 2rem}
dt{color:var(--quiet);font-size:.8125rem}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:0;overflow-x:auto}
figure svg{display:block;max-width:100%;min-width:40rem;height:auto}
figcaption,.note{margin:.5rem 0 0;max-width:46rem;color:var(--quiet);font-size:.9rem}
ul{margin:0;padding-left:1.2rem;max-width:46rem}
li+li{margin-top:.4rem}
.table{overflow:auto;border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.875rem;line-height:1.35;
font-variant-numeric:tabular-nums}
th,td{padding:.42rem .6rem;text-align:left;vertical-align:bottom;font-weight:400}
td{white-space:nowrap}
.number{text-align:right}
thead th{background:var(--tint);color:var(--quiet);font-weight:600}
tbody tr+tr>*{border-top:1px solid var(--line)}
pre{margin:0;padding:.8rem 1rem;overflow:auto;background:var(--tint);border-radius:.5rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem}
@media print{main{max-width:none;padding:0}tr,figure{break-inside:avoid}}
`;
