/**
 * A run as a space-time diagram: time runs down, a column per node in the colour of its role, an
 * arrow per message. Standalone SVG with a paper of its own, without script; what there is no room
 * to write is told by tooltips.
 */
import type { Trace, TracedFault, TracedRole } from '../trace.ts';
import { COLORS, escapeMarkup, PALETTE } from './plot.ts';
import {
  ARROWS,
  type ArrowKind,
  arrowAttributes,
  arrowKind,
  arrowPaths,
  arrows,
  cross,
} from './space-time-arrows.ts';
import { breaks, columnLabels, columnNames, nodeColumn } from './space-time-columns.ts';
import {
  AXIS_X,
  badge,
  COMMIT_COLOR,
  type Columns,
  columnLine,
  commitTick,
  FAULT_COLOR,
  FIRST_COLUMN,
  milliseconds,
  ROLES,
  shifted,
  type Y,
} from './space-time-parts.ts';
import { type SpaceTimeOptions, type View, viewOf } from './space-time-view.ts';
import { FONT, round, svgText, textLines, textWidth } from './svg.ts';

const WIDTH = 1000;
const PADDING = 20;
/** For what is written to the right of the last column. */
const LAST_COLUMN_ROOM = 84;
const NOTES_WIDTH = 190;
const COLUMNS_APART_MAX = 260;
export function spaceTimeSvg(trace: Trace, options: SpaceTimeOptions = {}): string {
  const view = viewOf(trace, options);
  const columns = columnsOf(trace, view);
  const title = options.title ?? 'Messages and roles over time';
  const head = header(trace, view, title);
  const names = head.height + 14;
  const top = names + 26;
  const sentence = options.violation ?? null;
  const { violationUs } = view;
  const box = violationUs === null || sentence === null ? null : violationBox(sentence, columns);
  // Room is made for the sentence below the violation's line, and all that is later moves down.
  const y: Y = (us) =>
    top + view.axis.at(us) + (box !== null && us > (violationUs ?? us) ? box.height : 0);
  const endsInBox = box !== null && violationUs === view.toUs;
  const bottom = y(view.toUs);
  const below = bottom + (endsInBox ? box.height : 0);
  const notes = notesOf(trace, view, columns, y);
  const height = Math.max(below + 34, notes.bottom + 10);

  const body = [
    head.body,
    breaks(view, columns, y),
    ...columns.nodes.map((node) => nodeColumn(trace, view, columns, node, y, notes.letters)),
    arrows(view, columns, y, top, bottom),
    ...columns.nodes.map((node) => columnLabels(trace, view, columns, node, y)),
    columnNames(columns, names),
    columnNames(columns, below + 22),
    timeLabels(trace, view, y),
    notes.body,
    box === null || violationUs === null ? '' : violationMark(box, y(violationUs), columns),
  ];
  return svgDocument(title, height, body.join('\n'));
}

function svgDocument(title: string, height: number, body: string): string {
  const [w, h] = [WIDTH + 2 * PADDING, Math.ceil(height) + 2 * PADDING];
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="space-time" ` +
    `viewBox="${-PADDING} ${-PADDING} ${w} ${h}" width="${w}" height="${h}" role="img" ` +
    `aria-label="${escapeMarkup(title)}" font-family="${FONT}" font-size="12" ` +
    `fill="${COLORS.ink}" style="font-variant-numeric:tabular-nums">` +
    `<style>.space-time .message:hover path{stroke-width:3px;opacity:1}` +
    `.space-time .message:hover path.touch{stroke-width:9px;stroke-opacity:.12}</style>\n` +
    `<rect x="${-PADDING}" y="${-PADDING}" width="${w}" height="${h}" fill="${COLORS.paper}"/>\n` +
    `${body}\n</svg>\n`
  );
}

function columnsOf(trace: Trace, view: View): Columns {
  const { nodes } = trace;
  const hasNotes = view.faults.length > 0 || recoveryIn(trace, view) !== null;
  const right = WIDTH - (hasNotes ? NOTES_WIDTH + 12 : 0);
  const room = right - LAST_COLUMN_ROOM - FIRST_COLUMN;
  const apart = Math.min(room / Math.max(nodes.length - 1, 1), COLUMNS_APART_MAX);
  const places = new Map(nodes.map((node, i) => [node, FIRST_COLUMN + i * apart]));
  const end = FIRST_COLUMN + (nodes.length - 1) * apart + LAST_COLUMN_ROOM;
  return {
    nodes,
    x: (node) => places.get(node) ?? FIRST_COLUMN,
    notesX: end + 12,
    right: nodes.length === 0 ? right : end,
  };
}

function recoveryIn(trace: Trace, view: View): number | null {
  const us = trace.recoveryUs;
  return us !== null && us >= view.fromUs && us <= view.toUs ? us : null;
}

// ---- Title, caption, legend ---------------------------------------------------------------------

function header(trace: Trace, view: View, title: string): { body: string; height: number } {
  const parts: string[] = [];
  let at = 6;
  for (const line of textLines(title, WIDTH, 17)) {
    parts.push(svgText(0, at + 8, line, { size: 17, bold: true }));
    at += 22;
  }
  for (const line of textLines(caption(trace, view), WIDTH, 12)) {
    parts.push(svgText(0, at + 8, line, { size: 12, fill: COLORS.quiet }));
    at += 17;
  }
  const kinds = new Set(view.messages.map((message) => arrowKind(message, false)));
  const keys = legend(at + 18, kinds);
  return { body: parts.join('') + keys.body, height: at + 18 + keys.height };
}

function caption(trace: Trace, view: View): string {
  const count = (messages: number): string =>
    messages === 1 ? '1 message' : `${messages} messages`;
  const [all, shown] = [trace.messages.length, view.messages.length];
  const whole = view.fromUs <= 0 && view.toUs >= trace.endUs;
  const stretch = `${milliseconds(view.fromUs)} to ${milliseconds(view.toUs)} ms`;
  const left = [
    ...(view.fromUs > 0 ? ['before'] : []),
    ...(view.toUs < trace.endUs ? ['after'] : []),
  ].join(' and ');
  const what = whole
    ? `The whole run, ${milliseconds(trace.endUs)} ms with ${count(all)}.`
    : `From ${stretch} of a run of ${milliseconds(trace.endUs)} ms, with ${shown} of its ` +
      `${count(all)}; what came ${left} is left out.`;
  return (
    `${what} Time runs down, in milliseconds. Its scale stretches where much happens, and a ` +
    `zigzag skips a time in which nothing does.`
  );
}

type Key = { readonly label: string; readonly width: number; readonly mark: string };

/** Kinds of messages that many runs have none of; the legend has those that the picture has. */
const RARE: readonly (readonly [ArrowKind, string])[] = [
  ['snapshot', 'part of a snapshot'],
  ['timeoutNow', 'hand-over'],
  ['readIndex', 'read of a follower'],
  ['other', 'other message'],
];

function legend(top: number, kinds: ReadonlySet<ArrowKind>): { body: string; height: number } {
  const role = (name: TracedRole['role']): Key => ({
    label: ROLES[name].label,
    width: 8,
    mark: columnLine(name, 3, -11, 3),
  });
  const arrow = (kind: ArrowKind, label: string): Key => ({
    label,
    width: 28,
    mark: `<g ${arrowAttributes(kind)}>${arrowPaths(0, -4, 28, -4, ARROWS[kind].width)}</g>`,
  });
  const rows: readonly (readonly [string, readonly Key[]])[] = [
    [
      'Nodes',
      (['follower', 'preCandidate', 'candidate', 'leader', 'paused', 'down'] as const).map(role),
    ],
    [
      'Messages',
      [
        arrow('vote', 'vote'),
        arrow('preVote', 'pre-vote'),
        arrow('append', 'entries'),
        arrow('heartbeat', 'heartbeat that changed something'),
        arrow('quiet', 'that changed nothing'),
        arrow('answer', 'answer (to votes in their colour; dashed: refused)'),
        ...RARE.filter(([kind]) => kinds.has(kind)).map(([kind, label]) => arrow(kind, label)),
      ],
    ],
    [
      'Marks',
      [
        {
          label: 'never arrived',
          width: 22,
          mark: legendLine(14) + cross(16, -4, PALETTE[0]),
        },
        {
          label: 'under way at the end',
          width: 26,
          mark: legendLine(24, ' stroke-dasharray="1.5 3"'),
        },
        { label: 'commit index', width: 14, mark: commitTick(7, -4) },
        { label: 'fault, named at the right', width: 14, mark: badge(7, -4, 'A') },
        { label: 'violation', width: 18, mark: `<path d="M0,-4H18" ${violationStroke()}/>` },
      ],
    ],
  ];
  let y = top;
  const parts: string[] = [];
  for (const [name, keys] of rows) {
    parts.push(svgText(0, y, name, { size: 11, fill: COLORS.quiet }));
    let x = 62;
    for (const { label, width, mark } of keys) {
      const needed = width + 6 + textWidth(label, 11) + 12;
      if (x + needed > WIDTH + 12) {
        x = 62;
        y += 18;
      }
      parts.push(`<g transform="translate(${round(x)},${round(y)})">${mark}</g>`);
      parts.push(svgText(x + width + 6, y, label, { size: 11 }));
      x += needed;
    }
    y += 18;
  }
  return { body: parts.join(''), height: y - top };
}

function legendLine(length: number, attributes = ''): string {
  return `<path d="M0,-4H${length}" stroke="${PALETTE[0]}" stroke-width="1.8"${attributes}/>`;
}

// ---- Times, notes, the violation ----------------------------------------------------------------

/** As many times as have room, the ones that matter most first. */
function timeLabels(trace: Trace, view: View, y: Y): string {
  const inside = (us: number): boolean => us >= view.fromUs && us <= view.toUs;
  const loud = view.messages.filter((message) => !view.quiet.has(message));
  const byWeight: readonly (readonly number[])[] = [
    [view.fromUs, view.toUs, ...(view.violationUs === null ? [] : [view.violationUs])],
    [recoveryIn(trace, view) ?? view.fromUs, ...view.faults.map(({ fromUs }) => fromUs)],
    trace.roles.map(({ atUs }) => atUs),
    loud.map(({ sentUs }) => sentUs),
    trace.commits.map(({ atUs }) => atUs),
    view.messages.map(({ sentUs }) => sentUs),
  ];
  const taken = view.axis.breaks.map(({ from, to }) =>
    shifted(view, y, y(view.fromUs) + (from + to) / 2),
  );
  const labels: string[] = [];
  for (const [weight, moments] of byWeight.entries()) {
    const apart = weight < 2 ? 11 : 15;
    for (const us of moments.filter(inside)) {
      const at = y(us);
      if (taken.some((other) => Math.abs(other - at) < apart)) continue;
      taken.push(at);
      labels.push(
        `<path d="M${AXIS_X - 3},${round(at)}h6" stroke="${COLORS.axis}"/>` +
          svgText(AXIS_X - 8, at + 4, milliseconds(us), {
            size: 11,
            anchor: 'end',
            fill: COLORS.quiet,
          }),
      );
    }
  }
  return labels.join('');
}

type Notes = {
  readonly body: string;
  readonly bottom: number;
  readonly letters: ReadonlyMap<TracedFault, string>;
};

type Note = { y: number; letter: string; text: string; color: string };

/** Faults and the second phase, named in the margin at the height where they begin or end. */
function notesOf(trace: Trace, view: View, columns: Columns, y: Y): Notes {
  const letters = new Map(view.faults.map((fault, i) => [fault, letterOf(i)]));
  const notes: Note[] = view.faults.flatMap((fault) => {
    const letter = letters.get(fault) ?? '';
    const since = fault.fromUs < view.fromUs ? `, since ${milliseconds(fault.fromUs)} ms` : '';
    const fromY = y(Math.max(fault.fromUs, view.fromUs));
    const begins = { y: fromY, letter, text: `${fault.text}${since}`, color: FAULT_COLOR };
    const { untilUs } = fault;
    if (untilUs === null || untilUs <= fault.fromUs || untilUs > view.toUs) return [begins];
    return [begins, { y: y(untilUs), letter, text: 'ends', color: COLORS.quiet }];
  });
  const recoveryUs = recoveryIn(trace, view);
  if (recoveryUs !== null) {
    const text = 'second phase: faults are healed';
    notes.push({ y: y(recoveryUs), letter: '', text, color: COMMIT_COLOR });
  }
  notes.sort((a, b) => a.y - b.y);
  const textX = columns.notesX + 22;
  const width = WIDTH - textX;
  let free = 0;
  const parts = notes.map((note) => {
    const lines = textLines(note.text, width, 11);
    const at = Math.max(note.y, free);
    free = at + lines.length * 14 + 3;
    const [x1, x2] = [columns.right - 6, columns.notesX];
    const struck = note.color === COLORS.quiet ? '' : guide(note.y, columns);
    return (
      `<g class="note">${struck}` +
      `<path d="M${round(x1)},${round(note.y)}L${round(x2)},${round(at)}" fill="none" ` +
      `stroke="${note.color}" stroke-opacity="0.5"/>` +
      (note.letter === '' ? '' : badge(columns.notesX + 8, at, note.letter)) +
      lines
        .map((text, i) => svgText(textX, at + 4 + i * 14, text, { size: 11, fill: note.color }))
        .join('') +
      `</g>`
    );
  });
  return { body: parts.join(''), bottom: free, letters };
}

function guide(y: number, columns: Columns): string {
  return (
    `<path d="M${AXIS_X + 6},${round(y)}H${round(columns.right - 6)}" stroke="${FAULT_COLOR}" ` +
    `stroke-opacity="0.3" stroke-dasharray="1 4"/>`
  );
}

/** A, B, … Z, AA, AB, … */
function letterOf(i: number): string {
  const last = String.fromCharCode(65 + (i % 26));
  return i < 26 ? last : letterOf(Math.floor(i / 26) - 1) + last;
}

type ViolationBox = { readonly lines: readonly string[]; readonly height: number };

function violationBox(
  { property, message }: NonNullable<SpaceTimeOptions['violation']>,
  columns: Columns,
): ViolationBox {
  const width = Math.max(columns.right, 420) - AXIS_X - 24;
  const lines = textLines(`${property} is violated: ${message}`, width, 13);
  return { lines, height: lines.length * 18 + 16 };
}

function violationMark(box: ViolationBox, y: number, columns: Columns): string {
  const [left, right] = [AXIS_X + 6, Math.max(columns.right, 420)];
  const text = box.lines.map((line, i) =>
    svgText(left + 8, y + 20 + i * 18, line, { size: 13, bold: true, fill: COLORS.outage }),
  );
  return (
    `<g class="violation"><rect x="${left}" y="${round(y)}" width="${round(right - left)}" ` +
    `height="${box.height - 4}" fill="#fdecee"/>` +
    `<path d="M${left},${round(y)}H${round(right)}" ${violationStroke()}/>${text.join('')}</g>`
  );
}

function violationStroke(): string {
  return `stroke="${COLORS.outage}" stroke-width="2.5"`;
}
