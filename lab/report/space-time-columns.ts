/**
 * The columns of a space-time diagram: a node's roles as a line, the faults that strike it as bands
 * to the left, terms and commit indexes written to the right, idle time cut across all of them.
 */
import type { NodeId } from '../../src/raft/types.ts';
import type { Trace, TracedFault, TracedRole } from '../trace.ts';
import { COLORS, PALETTE } from './plot.ts';
import {
  AXIS_X,
  badge,
  COMMIT_COLOR,
  type Columns,
  columnLine,
  commitTick,
  FAULT_COLOR,
  milliseconds,
  ROLES,
  shifted,
  TINT,
  titled,
  type Y,
} from './space-time-parts.ts';
import type { View } from './space-time-view.ts';
import { round, svgText } from './svg.ts';

/** A stretch of a node's life with one role and term, cut to the window. */
type Stretch = { readonly record: TracedRole; readonly fromUs: number; readonly toUs: number };

function rolesOf(trace: Trace, node: NodeId): TracedRole[] {
  return trace.roles.filter((record) => record.node === node).sort((a, b) => a.atUs - b.atUs);
}

function stretchesOf(trace: Trace, view: View, node: NodeId): Stretch[] {
  const records = rolesOf(trace, node);
  return records.flatMap((record, i) => {
    const fromUs = Math.max(record.atUs, view.fromUs);
    const toUs = Math.min(records[i + 1]?.atUs ?? view.toUs, view.toUs);
    return toUs > fromUs ? [{ record, fromUs, toUs }] : [];
  });
}

export function nodeColumn(
  trace: Trace,
  view: View,
  columns: Columns,
  node: NodeId,
  y: Y,
  letters: ReadonlyMap<TracedFault, string>,
): string {
  const x = columns.x(node);
  const lines = stretchesOf(trace, view, node).map(({ record, fromUs, toUs }) => {
    const tooltip =
      `${node}: ${ROLES[record.role].label}, term ${record.term}, ` +
      `from ${milliseconds(record.atUs)} ms`;
    const line = columnLine(record.role, x, y(fromUs), y(toUs));
    return `<g>${titled(tooltip)}${line}</g>`;
  });
  const zigzags = view.axis.breaks.map(({ from, to }) => {
    const middle = y(view.fromUs) + (from + to) / 2;
    return zigzag(x, shifted(view, y, middle));
  });
  return [...lines, ...zigzags, faultStrips(view, columns, node, y, letters)].join('');
}

function zigzag(x: number, y: number): string {
  const d = `M${round(x)},${round(y - 8)}l-5,4l10,4l-10,4l5,4`;
  return (
    `<path d="M${round(x)},${round(y - 8)}v16" stroke="${TINT}" stroke-width="7"/>` +
    `<path d="${d}" fill="none" stroke="${COLORS.axis}" stroke-width="1.2"/>`
  );
}

function faultStrips(
  view: View,
  columns: Columns,
  node: NodeId,
  y: Y,
  letters: ReadonlyMap<TracedFault, string>,
): string {
  const lanesFree: number[] = [];
  const strips: string[] = [];
  for (const fault of view.faults) {
    if (!fault.nodes.includes(node)) continue;
    const fromUs = Math.max(fault.fromUs, view.fromUs);
    const toUs = Math.min(fault.untilUs ?? view.toUs, view.toUs);
    const [from, to] = [y(fromUs), Math.max(y(toUs), y(fromUs) + 8)];
    const free = lanesFree.findIndex((until) => until <= from);
    const lane = free < 0 ? lanesFree.length : free;
    lanesFree[lane] = Math.max(to, from + 14);
    const x = columns.x(node) - 13 - lane * 15;
    const ended = fault.untilUs === null ? '' : ` to ${milliseconds(fault.untilUs)}`;
    strips.push(
      `<g class="fault">${titled(`${fault.text}, ${milliseconds(fault.fromUs)}${ended} ms`)}` +
        `<rect x="${round(x - 3)}" y="${round(from)}" width="6" height="${round(to - from)}" ` +
        `rx="3" fill="${FAULT_COLOR}" fill-opacity="0.28"/>` +
        `${badge(x, from, letters.get(fault) ?? '')}</g>`,
    );
  }
  return strips.join('');
}

export function columnNames(columns: Columns, y: number): string {
  return columns.nodes
    .map((node) => svgText(columns.x(node), y, node, { size: 14, anchor: 'middle', bold: true }))
    .join('');
}

export function breaks(view: View, columns: Columns, y: Y): string {
  return view.axis.breaks
    .map(({ from, to, skipped }) => {
      const [upper, lower] = [from, to].map((at) => shifted(view, y, y(view.fromUs) + at));
      const middle = ((upper ?? 0) + (lower ?? 0)) / 2;
      return (
        `<g class="break"><rect x="${AXIS_X + 6}" y="${round(middle - 8)}" ` +
        `width="${round(columns.right - AXIS_X - 6)}" height="16" fill="${TINT}"/>` +
        svgText(AXIS_X - 8, middle + 3.5, duration(skipped), {
          size: 10.5,
          anchor: 'end',
          fill: COLORS.axis,
        }) +
        `<path d="M${AXIS_X - 3},${round(middle - 7)}l6,3.5l-6,3.5l6,3.5l-6,3.5" fill="none" ` +
        `stroke="${COLORS.axis}" stroke-width="1.2"/></g>`
      );
    })
    .join('');
}

// ---- What stands beside them -------------------------------------------------------------------

type Label = {
  readonly y: number;
  readonly text: string;
  readonly color: string;
  readonly bold: boolean;
  /** Where it may stand, by how much lower than `y`; the first that is free. */
  readonly moves: readonly number[];
};

const LABEL_HEIGHT = 12;
const BESIDE = [0, 6, -6, 12, -12] as const;
/** Clear of the arrows that leave at that moment. */
const ABOVE = [-8, -2, 4, -14, 10] as const;
const BELOW = [10, 16, 22] as const;
/** A reader who has scrolled still wants to know whose column this is. */
const NAMES_APART = 600;

export function columnLabels(
  trace: Trace,
  view: View,
  columns: Columns,
  node: NodeId,
  y: Y,
): string {
  const x = columns.x(node);
  const inside = ({ atUs }: { atUs: number }): boolean => atUs >= view.fromUs && atUs <= view.toUs;
  const commits = trace.commits.filter((commit) => commit.node === node && inside(commit));
  const ticks = commits.map(
    ({ atUs, index }) =>
      `<g class="commit">` +
      `${titled(`${node} knows that ${index} is committed, ${milliseconds(atUs)} ms`)}` +
      `${commitTick(x, y(atUs))}</g>`,
  );
  // Of a dense run of commits the last carries the number, so they are placed backwards.
  const numbers = [...commits].reverse().map(({ atUs, index }) => ({
    y: y(atUs),
    text: `${index}`,
    color: COMMIT_COLOR,
    bold: false,
    moves: BESIDE,
  }));
  const names: Label[] = [];
  for (let at = y(view.fromUs) + NAMES_APART; at < y(view.toUs) - 200; at += NAMES_APART) {
    names.push({ y: at, text: node, color: COLORS.quiet, bold: true, moves: BESIDE });
  }
  const placed: number[] = [];
  const texts = [...roleLabels(trace, view, node, y), ...names, ...numbers].map((label) => {
    const at = label.moves
      .map((move) => label.y + move)
      .find((candidate) => placed.every((other) => Math.abs(other - candidate) >= LABEL_HEIGHT));
    if (at === undefined) return '';
    placed.push(at);
    const { color: fill, bold } = label;
    return svgText(x + 10, at + 4, label.text, { size: 11, fill, bold, halo: true });
  });
  return ticks.join('') + texts.join('');
}

/** Roles that are worth a word where they begin and end; the colour says the others. */
const STATIONS: readonly TracedRole['role'][] = ['leader', 'down', 'paused'];

/** The term where the window begins and wherever it changes, and who leads, stops or returns. */
function roleLabels(trace: Trace, view: View, node: NodeId, y: Y): Label[] {
  const labels: Label[] = [];
  let previous: TracedRole | null = null;
  for (const record of rolesOf(trace, node)) {
    const before: TracedRole | null = previous;
    previous = record;
    if (record.atUs > view.toUs) break;
    const term = before?.term === record.term ? '' : `term ${record.term}`;
    const said = STATIONS.includes(record.role);
    const changed = before?.role !== record.role;
    const leaves = before !== null && STATIONS.includes(before.role);
    const role = changed && (said || leaves) ? ROLES[record.role].label : '';
    const text = [role, term].filter((part) => part !== '').join(', ');
    const isLeader = record.role === 'leader';
    const color = said && !isLeader ? COLORS.quiet : isLeader ? PALETTE[0] : COLORS.ink;
    if (record.atUs <= view.fromUs) labels.length = 0;
    const started = `${said ? `${ROLES[record.role].label}, ` : ''}term ${record.term}`;
    if (record.atUs <= view.fromUs) {
      labels.push({ y: y(view.fromUs), text: started, color, bold: isLeader, moves: BESIDE });
    } else if (text !== '') {
      const moves = said && !isLeader ? BELOW : ABOVE;
      labels.push({ y: y(record.atUs), text, color, bold: isLeader, moves });
    }
  }
  return labels;
}

function duration(us: number): string {
  if (us >= 1_000_000) return `${(us / 1_000_000).toFixed(2)} s`;
  return us >= 10_000 ? `${Math.round(us / 1000)} ms` : `${(us / 1000).toFixed(1)} ms`;
}
