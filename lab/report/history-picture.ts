/**
 * What clients asked and were told, as one page that needs nothing else: bars from call to return,
 * a row per client. Of a history that cannot be linearized it shows the key and the stretch where
 * it fails, numbers the operations that can be ordered, and says in words what does not fit.
 */
import { canonicalText } from '../../src/canonical-json.ts';
import type { HistoryOperation, Json } from '../history.ts';
import type { Linearizability } from '../linearizability.ts';
import {
  BAR_HEIGHT,
  type Bar,
  FADE,
  type HistoryLayout,
  isOpen,
  LABEL_SIZE,
  labelWidth,
  layOut,
} from './history-layout.ts';
import {
  count,
  type Explanation,
  explain,
  operationText,
  type Unexplained,
} from './history-words.ts';
import { escapeMarkup } from './plot.ts';
import { FONT, round } from './svg.ts';

/** More operations than this are no picture any more. */
const OPERATIONS_MAX = 200;
/** Operations of the key that are shown on either side of the stretch that fails. */
const CONTEXT_BEFORE = 8;
const CONTEXT_AFTER = 4;
/** Writes of the very values that were found, and writes that may still take effect. */
const ORIGINS_MAX = 4;
const OPEN_MAX = 12;

const AXIS_HEIGHT = 30;
const NAMES_WIDTH = 78;
/** What is seen to the left of an operation that does not fit, when the page opens. */
const BESIDE_STUCK = 60;

type Selection = { readonly operations: readonly HistoryOperation[]; readonly note: string };

export function historyPage(
  history: readonly HistoryOperation[],
  result: Linearizability | null,
  title: string,
): string {
  const failed = result === null || result.verdict === 'ok' ? null : foundIn(history, result);
  const { operations, note } = failed === null ? lastOf(history) : aroundOf(history, failed);
  const numbers = new Map((failed?.longest ?? []).map((operation, i) => [operation, i + 1]));
  const layout = layOut(operations, operationText, numbers);
  const stuck = new Set(failed?.stuck ?? []);
  const verdict = failed === null ? passed(history, result) : explain(failed);
  const tone = failed === null ? (result === null ? 'none' : 'passed') : 'failed';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeMarkup(title)}</h1>
${verdictHtml(verdict, tone)}
${layout.bars.length === 0 ? '' : pictureHtml(layout, stuck, failed !== null, note)}
</main>
</body>
</html>
`;
}

// ---- What is shown ------------------------------------------------------------------------------

function byCall(operations: readonly HistoryOperation[]): HistoryOperation[] {
  return [...operations].sort((a, b) => a.call - b.call || a.client - b.client);
}

function lastOf(history: readonly HistoryOperation[]): Selection {
  const operations = byCall(history).slice(-OPERATIONS_MAX);
  const all = count(history.length, 'operation');
  const note =
    operations.length < history.length
      ? `These are the last ${operations.length} of ${all}; what came before is left out.`
      : `This is the whole history of ${all}.`;
  return { operations, note };
}

/** A result may have been stored and read back, and then names copies of the operations. */
function foundIn(history: readonly HistoryOperation[], result: Unexplained): Unexplained {
  const originals = new Map<string, HistoryOperation[]>();
  for (const operation of [...history].reverse()) {
    if (operation.key !== result.key) continue;
    const alike = originals.get(contentOf(operation));
    if (alike === undefined) originals.set(contentOf(operation), [operation]);
    else alike.push(operation);
  }
  const original = (operation: HistoryOperation): HistoryOperation =>
    originals.get(contentOf(operation))?.pop() ?? operation;
  return { ...result, longest: result.longest.map(original), stuck: result.stuck.map(original) };
}

function contentOf({ client, op, call, ...rest }: HistoryOperation): string {
  const { value = null, expected = null, result = {} } = rest;
  const told = [result.status ?? null, result.value ?? null];
  return canonicalText([client, op, call, rest.return, rest.outcome, value, expected, told]);
}

/** The stretch that fails, some of what surrounds it, and where the values found came from. */
function aroundOf(history: readonly HistoryOperation[], failed: Unexplained): Selection {
  const own = byCall(history.filter(({ key }) => key === failed.key));
  const { fromNs, toNs } = failed.window;
  const endOf = (operation: HistoryOperation): number =>
    isOpen(operation) ? Number.POSITIVE_INFINITY : (operation.return ?? operation.call);
  const within = own.filter((each) => each.call <= toNs && endOf(each) >= fromNs);
  const found = new Set(failed.stuck.flatMap(({ result }) => textsOf(result?.value)));
  const isOrigin = ({ value }: HistoryOperation): boolean =>
    textsOf(value).some((text) => found.has(text));
  const before = own.filter((each) => endOf(each) < fromNs);
  const chosen = new Set([
    ...failed.stuck,
    ...within.filter((each) => !isOpen(each) || each.call >= fromNs).slice(-OPERATIONS_MAX),
    ...within.filter((each) => isOpen(each) && each.call < fromNs).slice(-OPEN_MAX),
    ...own.filter((each) => each.call < fromNs && isOrigin(each)).slice(-ORIGINS_MAX),
    ...before.slice(-CONTEXT_BEFORE),
    ...own.filter(({ call }) => call > toNs).slice(0, CONTEXT_AFTER),
    // Without a stretch that fails there is still an order to show.
    ...(failed.stuck.length === 0 ? own.slice(-OPERATIONS_MAX) : []),
  ]);
  const note =
    chosen.size < own.length
      ? `Shown are ${chosen.size} of the ${count(own.length, 'operation')} on this key, those ` +
        `around the ones that do not fit; the numbers count the others too.`
      : `Shown are all ${count(own.length, 'operation')} on this key.`;
  const others = history.length - own.length;
  const rest = others === 0 ? '' : ` The ${count(others, 'operation')} on other keys are left out.`;
  return { operations: byCall([...chosen]), note: note + rest };
}

/** The value for comparison; none if absent. */
function textsOf(value: Json | undefined): string[] {
  return value === undefined || value === null ? [] : [canonicalText(value)];
}

function passed(history: readonly HistoryOperation[], result: Linearizability | null): Explanation {
  if (history.length === 0) {
    return { headline: 'No operations', paragraph: 'Clients asked for nothing.', points: [] };
  }
  if (result?.verdict !== 'ok') {
    return { headline: 'Not judged', paragraph: 'What clients were told, as it is.', points: [] };
  }
  const keys = count(result.keys, 'key');
  const paragraph =
    `The ${count(result.operations, 'operation')} on ${keys} can be put into an order in ` +
    `which each takes effect between its call and its return, and answers as it did. Those ` +
    `that failed have no effect; those of unknown outcome may have one later, or never.`;
  return { headline: 'Linearizable', paragraph, points: [] };
}

// ---- The page -----------------------------------------------------------------------------------

function verdictHtml({ headline, paragraph, points }: Explanation, tone: string): string {
  const list = points.map((point) => `<li>${escapeMarkup(point)}</li>`).join('');
  return (
    `<section class="verdict ${tone}"><h2>${escapeMarkup(headline)}</h2>` +
    `<p>${escapeMarkup(paragraph)}</p>${list === '' ? '' : `<ul>${list}</ul>`}</section>`
  );
}

function legend(withOrder: boolean): string {
  const key = (className: string, label: string, body = ''): string =>
    `<span><svg width="34" height="16" class="${className}" aria-hidden="true">` +
    `<rect x="1" y="2" width="32" height="12" rx="3"/>${body}</svg>${label}</span>`;
  const order = withOrder
    ? key('get', 'numbered: the order found', numberBadge(17, 8, 1)) +
      key('stuck', '<a href="#stuck">does not fit</a>') +
      key('get later', 'not reached')
    : '';
  return (
    `<p class="legend">${key('write', 'write')}${key('get', 'read')}` +
    key('open', 'outcome unknown, may take effect at any later time') +
    `${key('failed', 'failed, not executed', '<path class="strike" d="M1,14L33,2"/>')}${order}</p>`
  );
}

function pictureHtml(
  layout: HistoryLayout,
  stuck: ReadonlySet<HistoryOperation>,
  withOrder: boolean,
  note: string,
): string {
  const height = layout.height + 2 * AXIS_HEIGHT;
  const size = (width: number): string =>
    `viewBox="0 0 ${round(width)} ${height}" width="${round(width)}" height="${height}" ` +
    `font-family="${FONT}" font-size="${LABEL_SIZE}"`;
  const names = layout.rows.map(
    (row) =>
      `<text x="4" y="${round(AXIS_HEIGHT + row.y + row.height / 2 + 4)}">client ` +
      `${row.client}</text>`,
  );
  const stripes = layout.rows.map(
    (row, i) =>
      `<rect class="row${i % 2}" x="0" y="${AXIS_HEIGHT + row.y}" width="100%" ` +
      `height="${row.height}"/>`,
  );
  const bars = layout.bars.map((bar) => barSvg(bar, stuck.has(bar.operation), withOrder));
  return (
    `${legend(withOrder)}\n<div class="picture" tabindex="0" role="region" ` +
    `aria-label="Operations over time">\n` +
    `<svg class="names" ${size(NAMES_WIDTH)}>${stripes.join('')}${names.join('')}</svg>` +
    `<svg class="bars" ${size(layout.width)} role="img" aria-label="Operations over time">\n` +
    `<defs><linearGradient id="fading"><stop offset="0" class="solid"/>` +
    `<stop offset="1" class="clear"/></linearGradient></defs>\n` +
    `${stripes.join('')}${timesSvg(layout)}${breaksSvg(layout)}${orderPath(layout)}\n` +
    `<g transform="translate(0,${AXIS_HEIGHT})">\n${bars.join('\n')}\n</g>\n</svg>` +
    `${stuckPlace(layout, stuck)}</div>\n` +
    `<p class="note">${escapeMarkup(note)} Times are milliseconds; the scale stretches where ` +
    `much happens, since only order and overlap matter.</p>`
  );
}

function timesSvg({ times, height }: HistoryLayout): string {
  const bottom = AXIS_HEIGHT + height;
  return times
    .map(({ x, ns }) => {
      const label = milliseconds(ns);
      return (
        `<path class="time" d="M${round(x)},${AXIS_HEIGHT - 6}V${bottom + 6}"/>` +
        `<text class="time" x="${round(x)}" y="${AXIS_HEIGHT - 12}">${label}</text>` +
        `<text class="time" x="${round(x)}" y="${bottom + 19}">${label}</text>`
      );
    })
    .join('');
}

function breaksSvg({ breaks, height }: HistoryLayout): string {
  return breaks
    .map(({ from, to, skipped }) => {
      const middle = (from + to) / 2;
      const zigzag = Array.from({ length: Math.ceil(height / 12) }, (_, i) =>
        i % 2 === 0 ? 'l6,6l-6,6' : 'l-6,6l6,6',
      ).join('');
      return (
        `<g class="break"><title>${milliseconds(skipped)} ms are skipped</title>` +
        `<path d="M${round(middle)},${AXIS_HEIGHT}${zigzag}"/></g>`
      );
    })
    .join('');
}

/** A thread through the moments at which operations take effect, cut where some are left out. */
function orderPath({ bars }: HistoryLayout): string {
  const ordered = bars
    .filter(({ pointX, number }) => pointX !== null && number !== null)
    .sort((a, b) => (a.number ?? 0) - (b.number ?? 0));
  const steps = ordered.map(({ pointX, number, y }, i) => {
    const follows = ordered[i - 1]?.number === (number ?? 0) - 1;
    return `${follows ? 'L' : 'M'}${round(pointX ?? 0)},${round(AXIS_HEIGHT + y - 8)}`;
  });
  return steps.length < 2 ? '' : `<path class="order" d="${steps.join('')}"/>`;
}

/** Where a reader is to look first: browsers that can begin there, and the link leads there. */
function stuckPlace({ bars }: HistoryLayout, stuck: ReadonlySet<HistoryOperation>): string {
  const first = bars.find(({ operation }) => stuck.has(operation));
  if (first === undefined) return '';
  // Wide enough that the names, which stay in sight, do not cover the bar.
  const left = Math.max(first.x1 - BESIDE_STUCK, 0);
  const width = NAMES_WIDTH + first.x2 - left;
  return `<span id="stuck" style="left:${round(left)}px;width:${round(width)}px"></span>`;
}

function barSvg(bar: Bar, isStuck: boolean, withOrder: boolean): string {
  const { operation, label, x1, x2, y, number, pointX } = bar;
  const open = isOpen(operation);
  const isFailed = operation.outcome === 'fail';
  const classes = [
    'operation',
    operation.op === 'get' ? 'get' : 'write',
    isFailed ? 'failed' : '',
    open && !isFailed ? 'open' : '',
    isStuck ? 'stuck' : '',
    withOrder && !isStuck && !isFailed && number === null ? 'later' : '',
  ].filter((name) => name !== '');
  const middle = y + BAR_HEIGHT / 2;
  const solid = open ? x1 + labelWidth(label) : Math.max(x2, x1 + 4);
  const shape = `y="${round(y)}" height="${BAR_HEIGHT}" rx="4"`;
  const body = [
    open
      ? `<rect class="body" x="${round(x1)}" width="${round(solid - x1 + FADE)}" ${shape}/>` +
        `<path class="tail" d="M${round(solid)},${round(middle)}H${round(x2)}"/>` +
        `<path class="tip" d="M${round(x2 - 6)},${round(middle - 4)}l6,4l-6,4"/>`
      : `<rect class="body" x="${round(x1)}" width="${round(solid - x1)}" ${shape}/>`,
    isFailed ? strike(x1, y, solid, y + BAR_HEIGHT) : '',
    `<text x="${round(x1 + 9)}" y="${round(middle + 4)}">${escapeMarkup(label)}</text>`,
    number === null || pointX === null ? '' : pointSvg(pointX, y, number),
  ];
  return (
    `<g class="${classes.join(' ')}"><title>${escapeMarkup(tooltip(bar))}</title>` +
    `${body.join('')}</g>`
  );
}

function strike(x1: number, y1: number, x2: number, y2: number): string {
  const [left, top, right, bottom] = [x1, y1, x2, y2].map(round);
  const d = `M${left},${top}L${right},${bottom}M${right},${top}L${left},${bottom}`;
  return `<path class="strike" d="${d}"/>`;
}

function pointSvg(x: number, y: number, number: number): string {
  return `<path class="point" d="M${round(x)},${round(y - 4)}v8"/>${numberBadge(x, y - 9, number)}`;
}

function numberBadge(x: number, y: number, number: number): string {
  const width = Math.max(16, 8 + 7 * `${number}`.length);
  return (
    `<g class="number"><rect x="${round(x - width / 2)}" y="${round(y - 7)}" width="${width}" ` +
    `height="14" rx="7"/><text x="${round(x)}" y="${round(y + 3.5)}">${number}</text></g>`
  );
}

function tooltip({ operation, label, number }: Bar): string {
  const end =
    operation.return === null ? 'never answered' : `answered ${milliseconds(operation.return)} ms`;
  const place = number === null ? '' : `\nnumber ${number} of the order found`;
  const called = `called ${milliseconds(operation.call)} ms`;
  return `${label}\nclient ${operation.client}, ${called}, ${end}${place}`;
}

function milliseconds(ns: number): string {
  return (ns / 1_000_000).toFixed(2);
}

const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--quiet:#5b6470;--line:#e3e6ea;
--axis:#9aa2ad;--tint:#f6f7f9;--write:#cfe4f3;--write-edge:#4b93c3;--get:#fff;--get-edge:#8d96a2;
--good:#0b6b4f;--good-tint:#e8f5f0;--bad:#b3001b;--bad-tint:#fdecee;--bad-bar:#fbd0d6;
--number:#00734f;--on-number:#fff}
@media screen and (prefers-color-scheme:dark){:root{--paper:#16191d;--ink:#e8eaed;--quiet:#a3abb5;
--line:#2c3138;--axis:#6b7480;--tint:#1d2126;--write:#1d3a50;--write-edge:#4aa3e0;--get:#23282e;
--get-edge:#7d8692;--good:#5fd0a8;--good-tint:#14291f;--bad:#ff7a8a;--bad-tint:#35171b;
--bad-bar:#5a1f29;--number:#2fc197;--on-number:#0d1512}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:84rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{margin:0 0 1.5rem;font-size:clamp(1.4rem,1.1rem + 1.4vw,2rem);line-height:1.2;
letter-spacing:-.01em;font-weight:680;text-wrap:balance;overflow-wrap:anywhere}
h2{margin:0 0 .35rem;font-size:1.05rem;font-weight:660;overflow-wrap:anywhere}
.verdict{padding:.9rem 1.1rem;border-radius:.5rem;background:var(--tint);
border-left:4px solid var(--quiet);overflow-wrap:anywhere}
.verdict p{margin:0;max-width:54rem;text-wrap:pretty}
.verdict ul{margin:.6rem 0 0;padding-left:1.2rem;max-width:54rem}
.verdict li+li{margin-top:.25rem}
.verdict.passed{background:var(--good-tint);border-color:var(--good)}
.verdict.passed h2{color:var(--good)}
.verdict.failed{background:var(--bad-tint);border-color:var(--bad)}
.verdict.failed h2{color:var(--bad)}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;margin:1.5rem 0 .75rem;font-size:.8125rem;
color:var(--quiet)}
.legend span{display:inline-flex;align-items:center;gap:.45rem}
.picture{position:relative;display:flex;overflow-x:auto;border:1px solid var(--line);
border-radius:.5rem;font-variant-numeric:tabular-nums}
.picture svg{flex:none;display:block}
.picture .names{position:sticky;left:0;background:var(--paper);box-shadow:1px 0 0 var(--line),
4px 0 6px -4px rgb(0 0 0/.18)}
#stuck{position:absolute;top:0;height:1px;scroll-initial-target:nearest}
.legend a{color:inherit}
.names text{fill:var(--quiet);font-weight:600}
.row0{fill:var(--paper)}.row1{fill:var(--tint)}
path{fill:none}
path.time{stroke:var(--line)}
text{fill:var(--ink)}
text.time{fill:var(--quiet);font-size:11px;text-anchor:middle}
.break path{stroke:var(--axis);stroke-width:1.2}
.order{stroke:var(--number);stroke-opacity:.35;stroke-width:1.2}
.write rect{fill:var(--write);stroke:var(--write-edge)}
.get rect{fill:var(--get);stroke:var(--get-edge)}
.open rect{fill:url(#fading);stroke:none}
.solid{stop-color:var(--write-edge);stop-opacity:.55}
.clear{stop-color:var(--write-edge);stop-opacity:0}
.tail,.tip{stroke:var(--write-edge)}
.tail{stroke-dasharray:3 4}
.failed rect{fill:none;stroke:var(--axis);stroke-dasharray:4 3}
.failed text{fill:var(--quiet)}
.strike{stroke:var(--axis);stroke-width:1.2}
.stuck rect{fill:var(--bad-bar);stroke:var(--bad);stroke-width:2}
.stuck text{fill:var(--bad);font-weight:650}
.later{opacity:.5}
.operation:hover .body{stroke-width:2.5}
.number rect{fill:var(--number);stroke:none}
.number text{fill:var(--on-number);font-size:10px;font-weight:650;text-anchor:middle}
.point{stroke:var(--number);stroke-width:2}
.note{margin:.75rem 0 0;max-width:54rem;color:var(--quiet);font-size:.9rem}
@media screen and (max-width:760px){main{padding:1.5rem .9rem 3rem}}
@media print{main{max-width:none;padding:0}.picture{overflow:visible;border:0}}
`;
