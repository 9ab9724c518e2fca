/** The messages of a space-time diagram as arrows, coloured by kind, each with its tooltip. */
import type { TracedMessage } from '../trace.ts';
import { COLORS, PALETTE } from './plot.ts';
import { type Columns, milliseconds, titled, type Y } from './space-time-parts.ts';
import { isHeartbeat, type View } from './space-time-view.ts';
import { round } from './svg.ts';

type ArrowStyle = { color: string; width: number; opacity: number };

/** In the order in which they are drawn: what matters most lies on top. */
export const ARROWS = {
  quietAnswer: { color: COLORS.axis, width: 0.8, opacity: 0.4 },
  quiet: { color: PALETTE[5], width: 0.9, opacity: 0.65 },
  answer: { color: '#7d8692', width: 1, opacity: 0.85 },
  heartbeat: {
    color: '#2f8fc4',
    width: 1.4,
    opacity: 1,
  },
  other: { color: COLORS.ink, width: 1.6, opacity: 1 },
  readIndex: { color: '#00968a', width: 1.4, opacity: 1 },
  snapshot: { color: '#6f4bb2', width: 1.8, opacity: 1 },
  append: { color: PALETTE[0], width: 1.8, opacity: 1 },
  preVoteAnswer: { color: PALETTE[4], width: 1, opacity: 1 },
  preVote: { color: PALETTE[4], width: 1.8, opacity: 1 },
  voteAnswer: { color: PALETTE[1], width: 1, opacity: 1 },
  vote: { color: PALETTE[1], width: 1.8, opacity: 1 },
  timeoutNow: { color: '#7d7000', width: 2.4, opacity: 1 },
} as const satisfies Readonly<Record<string, ArrowStyle>>;
export type ArrowKind = keyof typeof ARROWS;

/** How much of the way is drawn of a message that did not arrive. */
const LOST_SHARE = 0.3;

export function arrowKind(message: TracedMessage, quiet: boolean): ArrowKind {
  switch (message.kind) {
    case 'RequestVote':
      return 'vote';
    case 'RequestVoteResponse':
      return 'voteAnswer';
    case 'PreVote':
      return 'preVote';
    case 'PreVoteResponse':
      return 'preVoteAnswer';
    case 'AppendEntries':
      return !isHeartbeat(message) ? 'append' : quiet ? 'quiet' : 'heartbeat';
    case 'AppendEntriesResponse':
      return quiet ? 'quietAnswer' : 'answer';
    case 'InstallSnapshot':
      return 'snapshot';
    case 'ReadIndex':
      return 'readIndex';
    case 'TimeoutNow':
      return 'timeoutNow';
    default:
      return message.kind.endsWith('Response') ? 'answer' : 'other';
  }
}

export function arrowAttributes(kind: ArrowKind): string {
  const { color, width, opacity } = ARROWS[kind];
  const seen = opacity === 1 ? '' : ` opacity="${opacity}"`;
  return `stroke="${color}" fill="${color}" stroke-width="${width}"${seen}`;
}

export function arrows(view: View, columns: Columns, y: Y, top: number, bottom: number): string {
  const groups = new Map<ArrowKind, string[]>();
  for (const message of view.messages) {
    const kind = arrowKind(message, view.quiet.has(message));
    const others = groups.get(kind) ?? [];
    others.push(messageArrow(message, kind, view, columns, y, top, bottom));
    groups.set(kind, others);
  }
  return (Object.keys(ARROWS) as ArrowKind[])
    .filter((kind) => groups.has(kind))
    .map((kind) => `<g ${arrowAttributes(kind)}>${groups.get(kind)?.join('\n')}</g>`)
    .join('\n');
}

function messageArrow(
  message: TracedMessage,
  kind: ArrowKind,
  view: View,
  columns: Columns,
  y: Y,
  top: number,
  bottom: number,
): string {
  const { sentUs, arrivedUs, fate } = message;
  const [from, to] = [columns.x(message.from), columns.x(message.to)];
  const side = Math.sign(to - from) * 4;
  const arrived = arrivedUs !== null && fate === 'delivered';
  const { color, width } = ARROWS[kind];
  const start = { x: from + side, y: y(sentUs) };
  const end = { x: to - side, y: y(arrivedUs ?? sentUs) };
  // Beyond the window the picture does not know how far, only which way.
  if (sentUs < view.fromUs) start.y = top - view.usualPixels;
  if (arrivedUs === null) {
    end.x = start.x + (end.x - start.x) * LOST_SHARE;
    end.y = start.y + view.usualPixels * LOST_SHARE;
  } else if (arrivedUs > view.toUs) end.y = bottom + view.usualPixels;
  const visible = clipped(start, end, top, bottom, arrivedUs !== null);
  const { x: x1, y: y1 } = visible.start;
  const { x: x2, y: y2 } = visible.end;
  const dash =
    fate === 'under way' ? '1.5 3' : message.text.includes(' refused') ? '4 2.5' : undefined;
  const ends = visible.end === end;
  const drawn =
    arrived && ends
      ? arrowPaths(x1, y1, x2, y2, width, dash)
      : line(x1, y1, x2, y2, dash) + (ends && fate !== 'under way' ? cross(x2, y2, color) : '');
  const when = arrivedUs === null ? '' : `, arrived ${milliseconds(arrivedUs)} ms`;
  const what = fate === 'delivered' ? '' : `, ${fate}`;
  return (
    `<g class="message">` +
    `${titled(`${message.text}\nsent ${milliseconds(sentUs)} ms${when}${what}`)}` +
    `<path class="touch" d="M${round(x1)},${round(y1)}L${round(x2)},${round(y2)}" ` +
    `stroke-width="9" stroke-opacity="0"/>${drawn}</g>`
  );
}

type Point = { x: number; y: number };

/** The part of a line between `top` and `bottom`; short arrows of lost messages stay whole. */
function clipped(
  start: Point,
  end: Point,
  top: number,
  bottom: number,
  clips: boolean,
): { start: Point; end: Point } {
  const at = (y: number): Point => ({
    x: start.x + ((y - start.y) / (end.y - start.y)) * (end.x - start.x),
    y,
  });
  return {
    start: start.y < top ? at(top) : start,
    end: clips && end.y > bottom ? at(bottom) : end,
  };
}

function line(x1: number, y1: number, x2: number, y2: number, dash?: string): string {
  const dashes = dash === undefined ? '' : ` stroke-dasharray="${dash}"`;
  return `<path d="M${round(x1)},${round(y1)}L${round(x2)},${round(y2)}"${dashes}/>`;
}

export function arrowPaths(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  width: number,
  dash?: string,
): string {
  const length = Math.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2) || 1;
  const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [long, half] = [5 + 2 * width, 1.8 + 0.9 * width];
  const [backX, backY] = [x2 - dx * long, y2 - dy * long];
  const head =
    `M${round(x2)},${round(y2)}L${round(backX - dy * half)},${round(backY + dx * half)}` +
    `L${round(backX + dy * half)},${round(backY - dx * half)}Z`;
  return `${line(x1, y1, backX + dx, backY + dy, dash)}<path d="${head}" stroke="none"/>`;
}

export function cross(x: number, y: number, color: string): string {
  const d = `M${round(x - 4)},${round(y - 4)}l8,8m0,-8l-8,8`;
  return `<path class="cross" d="${d}" stroke="${color}" stroke-width="1.8"/>`;
}
