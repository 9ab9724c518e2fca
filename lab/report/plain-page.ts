/**
 * The page of an experiment that has commands of its own: verdict, set-up, what was found, what it
 * shows and does not, and how to have it again. Styles and plots are in it, and no script.
 */
import { darkPlots, definitions, list, marked } from './page-parts.ts';
import { escapeMarkup } from './plot.ts';

type Pairs = readonly (readonly [string, string])[];

export type PlainPage = {
  readonly name: string;
  readonly question: string;
  readonly passed: boolean;
  /** False where it passed, and what was expected did not come about. */
  readonly holds?: boolean;
  readonly verdict: string;
  readonly complaints: readonly string[];
  /** What stands between two pairs of asterisks stands out. */
  readonly headline: readonly string[];
  readonly setup: Pairs;
  /** Markup: figures and tables. */
  readonly findings: string;
  readonly shows: readonly string[];
  readonly showsNot: readonly string[];
  readonly provenance: Pairs;
  readonly command: string;
  /** Rules beside those of all such pages. */
  readonly style: string;
  /** Of the plots' colours, those that are in use. */
  readonly colors: readonly string[];
};

const BANNERS = {
  passed: ['passed', '✓'],
  apart: ['apart', '!'],
  failed: ['failed', '✕'],
} as const;

export function plainPage(page: PlainPage): string {
  const { name, question } = page;
  const [tone, mark] =
    BANNERS[page.passed ? (page.holds === false ? 'apart' : 'passed') : 'failed'];
  const filled = (light: string): string => `svg[fill="${light}"],svg [fill="${light}"]`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(name)}: ${escapeMarkup(question)}</title>
<style>${STYLE}${page.style}${darkPlots(page.colors, 'svg', filled)}</style>
</head>
<body>
<main>
<p class="eyebrow">Raft lab · experiment <b>${escapeMarkup(name)}</b></p>
<h1>${escapeMarkup(question)}</h1>
<div class="banner ${tone}" role="status">
<p><b>${mark}</b> ${escapeMarkup(page.verdict)}</p>
${list(page.complaints)}</div>
<p class="lede">${page.headline.map(marked).join(' ')}</p>
<h2>Set-up</h2>
${definitions(page.setup)}
${page.findings}
<h2>What this shows</h2>
${list(page.shows)}
<h2>What this does not show</h2>
${list(page.showsNot)}
<h2>Where this comes from</h2>
${definitions(page.provenance)}
<p>Regenerate it with</p>
<pre><code>${escapeMarkup(page.command)}</code></pre>
</main>
</body>
</html>
`;
}

const STYLE = `
:root{--paper:#fff;--ink:#1b1f24;--quiet:#5b6470;--line:#e3e6ea;--tint:#f6f7f9;--good:#0b6b4f;
--good-tint:#e8f5f0;--fair:#8a5a00;--fair-tint:#fff4dc;--bad:#b3001b;--bad-tint:#fdecee}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e8eaed;--quiet:#a3abb5;
--line:#2c3138;--tint:#1d2126;--good:#5fd0a8;--good-tint:#14291f;--fair:#e0b050;
--fair-tint:#332a14;--bad:#ff7a8a;--bad-tint:#35171b}}
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
.banner.apart{background:var(--fair-tint);border-color:var(--fair)}
.banner.failed{background:var(--bad-tint);border-color:var(--bad);color:var(--bad)}
.lede{margin:1.75rem 0 0;max-width:46rem;font-size:1.15rem}
dl{margin:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(12.5rem,1fr));gap:1rem 2rem}
dt{color:var(--quiet);font-size:.8125rem}
dd{margin:0;overflow-wrap:anywhere}
figure{margin:3rem 0 0}
figure svg{display:block;max-width:100%;height:auto}
figcaption,.note{margin:.5rem 0 0;max-width:46rem;color:var(--quiet);font-size:.9rem}
ul{margin:0;padding-left:1.2rem;max-width:46rem}
li+li{margin-top:.4rem}
.table{overflow:auto;border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.875rem;line-height:1.35;
font-variant-numeric:tabular-nums}
th,td{padding:.42rem .6rem;text-align:left;vertical-align:top;font-weight:400}
thead th{background:var(--tint);color:var(--quiet);font-weight:600}
tbody tr+tr>*{border-top:1px solid var(--line)}
tbody th,.numbers td,.texts td:last-child{white-space:nowrap}
.numbers td:not(:last-child),.numbers thead th:not(:first-child):not(:last-child){text-align:right}
.numbers td:last-child{white-space:normal;min-width:12rem}
pre{margin:0;padding:.8rem 1rem;overflow:auto;background:var(--tint);border-radius:.5rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.875rem}
@media print{main{max-width:none;padding:0}tr,figure{break-inside:avoid}}
`;
