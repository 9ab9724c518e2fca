/** When writes were acknowledged, a row for each scenario, with what was done to it drawn in. */
import { axisText, niceStep, picture, type Scale, SIZE, WIDTH } from '../report/picture.ts';
import { COLORS, escapeMarkup, PALETTE } from '../report/plot.ts';
import { round, svgText, textWidth } from '../report/svg.ts';
import { type ScenarioResult, SLICE_MS, type StepResult } from './perform.ts';

export const WRITES_COLOR = PALETTE[0];
export const DONE_COLOR = PALETTE[1];

const HEAD = 52;
const ROW = 26;
const FOOT = 44;
const BAR = 10;
const RIGHT = 12;
/** Steps that change the cluster; the others only look. */
const DOES: ReadonlySet<StepResult['kind']> = new Set([
  'act',
  'add',
  'join',
  'leave',
  'transfer',
  'links',
  'heal',
]);

export function scenarioPicture(scenarios: readonly ScenarioResult[]): string {
  const title = 'When writes were acknowledged while something was done to the cluster';
  const left = Math.max(0, ...scenarios.map(({ name }) => textWidth(name, SIZE))) + 12;
  const longestMs = Math.max(1000, ...scenarios.map(({ durationMs }) => durationMs));
  const x: Scale = (ms) => left + (ms / longestMs) * (WIDTH - left - RIGHT);
  const bottom = HEAD + scenarios.length * ROW;
  const body = [
    svgText(0, 14, title, { bold: true, size: 15 }),
    `<rect x="0" y="27" width="20" height="${BAR}" fill="${WRITES_COLOR}"/>`,
    svgText(26, 36, 'writes acknowledged'),
    tick(190, 32),
    svgText(200, 36, 'something is done'),
    ...gridOf(longestMs, x, bottom),
    ...scenarios.map((scenario, i) => rowOf(scenario, x, HEAD + (i + 0.5) * ROW)),
    axisText((left + WIDTH) / 2, bottom + 34, 'seconds since the scenario began'),
  ];
  return picture(title, bottom + FOOT, body.join(''));
}

function gridOf(longestMs: number, x: Scale, bottom: number): string[] {
  const step = Math.max(1, niceStep(longestMs / 1000, 10));
  const lines: string[] = [];
  for (let seconds = 0; seconds * 1000 <= longestMs; seconds += step) {
    const at = round(x(seconds * 1000));
    lines.push(`<path d="M${at},${HEAD}V${bottom}" stroke="${COLORS.grid}"/>`);
    lines.push(axisText(at, bottom + 16, String(seconds)));
  }
  return lines;
}

function rowOf(scenario: ScenarioResult, x: Scale, y: number): string {
  const { acknowledged, complaints, durationMs, name, steps } = scenario;
  const failed = complaints.length > 0;
  const label = svgText(0, y + 4, name, failed ? { fill: COLORS.outage, bold: true } : {});
  const base =
    `<path d="M${round(x(0))},${round(y)}H${round(x(durationMs))}" ` +
    `stroke="${COLORS.axis}" stroke-width="1"/>`;
  const bars = spellsOf(acknowledged).map(
    ([from, to]) =>
      `<rect x="${round(x(from * SLICE_MS))}" y="${round(y - BAR / 2)}" ` +
      `width="${round(x(Math.min(to * SLICE_MS, durationMs)) - x(from * SLICE_MS))}" ` +
      `height="${BAR}" fill="${WRITES_COLOR}"/>`,
  );
  const ticks = steps
    .filter(({ kind }) => DOES.has(kind))
    .map(({ atMs, text }) => tick(x(atMs), y, text));
  return [label, base, ...bars, ...ticks].join('');
}

/** Slices in which writes were acknowledged, those that touch as one. */
function spellsOf(acknowledged: readonly number[]): (readonly [from: number, to: number])[] {
  const spells: [number, number][] = [];
  for (const [i, count] of acknowledged.entries()) {
    if (count === 0) continue;
    const last = spells.at(-1);
    if (last !== undefined && last[1] === i) last[1] = i + 1;
    else spells.push([i, i + 1]);
  }
  return spells;
}

function tick(x: number, y: number, text = ''): string {
  const title = text === '' ? '' : `<title>${escapeMarkup(text)}</title>`;
  return (
    `<path d="M${round(x)},${round(y - 9)}V${round(y + 9)}" stroke="${DONE_COLOR}" ` +
    `stroke-width="2">${title}</path>`
  );
}
