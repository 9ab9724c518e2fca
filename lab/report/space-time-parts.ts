/** What the parts of a space-time diagram share: its measures, colours and marks. */
import type { NodeId } from '../../src/raft/types.ts';
import type { TracedRole } from '../trace.ts';
import { COLORS, escapeMarkup, PALETTE } from './plot.ts';
import type { View } from './space-time-view.ts';
import { round, svgText } from './svg.ts';

/** Times stand to the left of this, columns to its right. */
export const AXIS_X = 82;
export const FIRST_COLUMN = AXIS_X + 46;
export const TINT = '#f4f5f7';

export const ROLES: Readonly<Record<TracedRole['role'], { label: string; color: string }>> = {
  follower: { label: 'follower', color: '#8d96a2' },
  preCandidate: { label: 'pre-candidate', color: PALETTE[4] },
  candidate: { label: 'candidate', color: PALETTE[1] },
  leader: { label: 'leader', color: PALETTE[0] },
  paused: { label: 'paused', color: '#8d96a2' },
  down: { label: 'down', color: COLORS.axis },
};
export const COMMIT_COLOR = '#00734f';
export const FAULT_COLOR = '#a8447f';

export type Columns = {
  readonly nodes: readonly NodeId[];
  readonly x: (node: NodeId) => number;
  readonly notesX: number;
  readonly right: number;
};

/** A moment's place in the picture. */
export type Y = (us: number) => number;

/** Breaks are measured on the axis; the room for a violation's sentence moves those after it. */
export function shifted(view: View, y: Y, position: number): number {
  if (view.violationUs === null) return position;
  const extra = y(view.toUs) - y(view.fromUs) - view.axis.length;
  return position > y(view.violationUs) ? position + extra : position;
}

export function columnLine(role: TracedRole['role'], x: number, from: number, to: number): string {
  const d = `d="M${round(x)},${round(from)}V${round(to)}" stroke="${ROLES[role].color}"`;
  if (role === 'down') return `<path ${d} stroke-width="1" stroke-dasharray="1 4"/>`;
  if (role === 'paused') return `<path ${d} stroke-width="6" stroke-dasharray="1.5 2.5"/>`;
  return `<path ${d} stroke-width="${role === 'leader' ? 6 : 4}"/>`;
}

export function badge(x: number, y: number, letter: string): string {
  const width = Math.max(13, 6 + letter.length * 7);
  return (
    `<rect x="${round(x - width / 2)}" y="${round(y - 6.5)}" width="${width}" height="13" ` +
    `rx="6.5" fill="${FAULT_COLOR}"/>` +
    svgText(x, y + 3.5, letter, { size: 9.5, anchor: 'middle', bold: true, fill: COLORS.paper })
  );
}

export function commitTick(x: number, y: number): string {
  return (
    `<path d="M${round(x - 6)},${round(y)}h12" stroke="${COLORS.paper}" stroke-width="4.5"/>` +
    `<path d="M${round(x - 6)},${round(y)}h12" stroke="${COMMIT_COLOR}" stroke-width="2.5"/>`
  );
}

export function titled(text: string): string {
  return `<title>${escapeMarkup(text)}</title>`;
}

export function milliseconds(us: number): string {
  return (us / 1000).toFixed(2);
}
