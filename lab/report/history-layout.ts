/**
 * Where the bars of a history stand: a row per client, with lanes where its operations overlap, and
 * time from left to right. Only order and overlap matter, so time stretches until every bar has
 * room for its label, and long waits are cut.
 */
import type { HistoryOperation } from '../history.ts';
import { textWidth } from './svg.ts';
import { type AxisBreak, type TimeAxis, timeAxis } from './time-axis.ts';

export type Bar = {
  readonly operation: HistoryOperation;
  readonly label: string;
  /** Its place in the order found, from 1; `null` if it has none. */
  readonly number: number | null;
  readonly x1: number;
  readonly x2: number;
  readonly y: number;
  /** Where it takes effect, consistent with the order. */
  readonly pointX: number | null;
};

export type ClientRow = { readonly client: number; readonly y: number; readonly height: number };

export type HistoryLayout = {
  readonly bars: readonly Bar[];
  readonly rows: readonly ClientRow[];
  readonly times: readonly { readonly x: number; readonly ns: number }[];
  readonly breaks: readonly AxisBreak[];
  readonly width: number;
  readonly height: number;
};

export const BAR_HEIGHT = 24;
export const LABEL_SIZE = 12;
const LANE_HEIGHT = 42;
const ROW_PADDING = 6;
const MARGIN = 28;
const LABEL_PADDING = 20;
const BETWEEN_BARS = 8;
const BETWEEN_POINTS = 10;
/** What an operation of unknown outcome fades over. */
export const FADE = 70;

const USUAL_PIXELS = 110;
const APART = 7;
const SKIP_FROM = 240;
const SKIPPED = 64;
const TIMES_APART = 84;

/** An operation that ends nowhere in the picture. */
export function isOpen({ outcome, return: returned }: HistoryOperation): boolean {
  return outcome === 'unknown' || returned === null;
}

/** `numbers` says which place each has in the order found, if there is one. */
export function layOut(
  operations: readonly HistoryOperation[],
  labelOf: (operation: HistoryOperation) => string,
  numbers: ReadonlyMap<HistoryOperation, number>,
): HistoryLayout {
  const sorted = [...operations].sort((a, b) => a.call - b.call || a.client - b.client);
  const lanes = lanesOf(sorted);
  const axis = axisOf(sorted, labelOf, lanes.before);
  const x = (ns: number): number => MARGIN + axis.at(ns);
  const widthOf = (operation: HistoryOperation): number => labelWidth(labelOf(operation));
  const ends = sorted.map((each) => x(each.call) + widthOf(each) + (isOpen(each) ? FADE : 0));
  const width = Math.max(...ends, MARGIN + axis.length, 300) + MARGIN;

  const rows: ClientRow[] = [];
  let y = 0;
  for (const [client, many] of [...lanes.perClient].sort(([a], [b]) => a - b)) {
    const height = many * LANE_HEIGHT + 2 * ROW_PADDING;
    rows.push({ client, y, height });
    y += height;
  }
  const rowOf = new Map(rows.map((row) => [row.client, row.y]));
  const plain = sorted.map((operation) => ({
    operation,
    label: labelOf(operation),
    number: numbers.get(operation) ?? null,
    x1: x(operation.call),
    x2: isOpen(operation) ? width - MARGIN : x(operation.return ?? operation.call),
    y:
      (rowOf.get(operation.client) ?? 0) +
      ROW_PADDING +
      (lanes.of.get(operation) ?? 0) * LANE_HEIGHT +
      (LANE_HEIGHT - BAR_HEIGHT) * 0.75,
  }));
  const points = pointsOf(plain);
  return {
    bars: plain.map((bar) => ({ ...bar, pointX: points.get(bar.operation) ?? null })),
    rows,
    times: timesOf(sorted, x),
    breaks: axis.breaks.map((each) => ({
      ...each,
      from: MARGIN + each.from,
      to: MARGIN + each.to,
    })),
    width,
    height: y,
  };
}

export function labelWidth(label: string): number {
  return textWidth(label, LABEL_SIZE) + LABEL_PADDING;
}

type Lanes = {
  readonly of: ReadonlyMap<HistoryOperation, number>;
  /** The one to the left in its lane. */
  readonly before: ReadonlyMap<HistoryOperation, HistoryOperation>;
  readonly perClient: ReadonlyMap<number, number>;
};

function lanesOf(sorted: readonly HistoryOperation[]): Lanes {
  const lasts = new Map<number, HistoryOperation[]>();
  const of = new Map<HistoryOperation, number>();
  const before = new Map<HistoryOperation, HistoryOperation>();
  for (const operation of sorted) {
    const lanes = lasts.get(operation.client) ?? [];
    lasts.set(operation.client, lanes);
    const free = lanes.findIndex((last) => !isOpen(last) && (last.return ?? 0) < operation.call);
    const lane = free < 0 ? lanes.length : free;
    const last = lanes[lane];
    if (last !== undefined) before.set(operation, last);
    lanes[lane] = operation;
    of.set(operation, lane);
  }
  const perClient = new Map([...lasts].map(([client, lanes]) => [client, lanes.length]));
  return { of, before, perClient };
}

/** Moments in order, each as far right as those before it demand. */
function axisOf(
  sorted: readonly HistoryOperation[],
  labelOf: (operation: HistoryOperation) => string,
  before: ReadonlyMap<HistoryOperation, HistoryOperation>,
): TimeAxis {
  const calls = groupBy(sorted, ({ call }) => call);
  const closed = sorted.filter((operation) => !isOpen(operation));
  const returns = groupBy(closed, (operation) => operation.return ?? 0);
  const durations = closed
    .map(({ call, return: returned }) => (returned ?? 0) - call)
    .sort((a, b) => a - b);
  const pixelsPerNs = USUAL_PIXELS / Math.max(durations[durations.length >> 1] ?? 1, 1);
  const at = new Map<number, number>();
  const first = sorted[0]?.call ?? 0;
  at.set(first, 0);
  return timeAxis([...calls.keys(), ...returns.keys()], (fromNs, toNs) => {
    const start = at.get(fromNs) ?? 0;
    const natural = (toNs - fromNs) * pixelsPerNs;
    const skips = natural > SKIP_FROM;
    let end = start + (skips ? SKIPPED : Math.max(natural, APART));
    for (const operation of returns.get(toNs) ?? []) {
      end = Math.max(end, (at.get(operation.call) ?? 0) + labelWidth(labelOf(operation)));
    }
    for (const operation of calls.get(toNs) ?? []) {
      const left = before.get(operation);
      if (left !== undefined) end = Math.max(end, (at.get(left.return ?? 0) ?? 0) + BETWEEN_BARS);
    }
    at.set(toNs, end);
    return { pixels: end - start, skips };
  });
}

function groupBy(
  operations: readonly HistoryOperation[],
  keyOf: (operation: HistoryOperation) => number,
): Map<number, HistoryOperation[]> {
  const groups = new Map<number, HistoryOperation[]>();
  for (const operation of operations) {
    const group = groups.get(keyOf(operation));
    if (group === undefined) groups.set(keyOf(operation), [operation]);
    else group.push(operation);
  }
  return groups;
}

type PlainBar = Omit<Bar, 'pointX'>;

/**
 * Each numbered bar takes effect within itself and not before the ones with smaller numbers; as
 * early as that allows, some pixels apart if there is room. Bars that contradict their numbers get
 * no point.
 */
function pointsOf(bars: readonly PlainBar[]): Map<HistoryOperation, number> {
  const ordered = bars
    .filter(({ number }) => number !== null)
    .sort((a, b) => (a.number ?? 0) - (b.number ?? 0));
  const latest: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let i = ordered.length - 1; i >= 0; i--) {
    least = Math.min(least, latestIn(ordered[i]));
    latest[i] = least;
  }
  const points = new Map<HistoryOperation, number>();
  let previous = Number.NEGATIVE_INFINITY;
  ordered.forEach((bar, i) => {
    const wanted = Math.max(previous + BETWEEN_POINTS, bar.x1 + BETWEEN_POINTS);
    const point = Math.max(Math.min(wanted, latest[i] ?? wanted), previous);
    if (point >= bar.x1 && point <= bar.x2) {
      points.set(bar.operation, point);
      previous = point;
    }
  });
  return points;
}

function latestIn(bar: PlainBar | undefined): number {
  return bar === undefined ? 0 : Math.max(bar.x2 - BETWEEN_POINTS / 2, bar.x1);
}

function timesOf(
  sorted: readonly HistoryOperation[],
  x: (ns: number) => number,
): { x: number; ns: number }[] {
  const moments = sorted.flatMap((operation) =>
    isOpen(operation) ? [operation.call] : [operation.call, operation.return ?? operation.call],
  );
  const times: { x: number; ns: number }[] = [];
  for (const ns of [...new Set(moments)].sort((a, b) => a - b)) {
    const last = times.at(-1);
    if (last === undefined || x(ns) - last.x >= TIMES_APART) times.push({ x: x(ns), ns });
  }
  return times;
}
