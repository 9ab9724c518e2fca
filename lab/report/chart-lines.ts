/** Lines within a rectangle: what of a line lies inside, and no more points than can be seen. */

export type LinePoint = { readonly x: number; readonly y: number };
/** From a value to its place between the ends of an axis, 0 to 1, and back. */
export type Ruler = {
  readonly place: (value: number) => number;
  readonly value: (at: number) => number;
};

/** Where a line is interrupted. */
const BREAK: LinePoint = { x: Number.NaN, y: Number.NaN };

/** The corners of a staircase through the points, which begins on the ground. */
export function staircase(points: readonly LinePoint[], ground: number): LinePoint[] {
  return points.flatMap((point, i) => {
    const before = points[i - 1]?.y ?? ground;
    return [{ x: point.x, y: before }, point];
  });
}

/** The parts of a line that lie within both axes. */
export function clippedLine(points: readonly LinePoint[], x: Ruler, y: Ruler): LinePoint[] {
  const places = points.map((point) => ({ x: x.place(point.x), y: y.place(point.y) }));
  const kept: LinePoint[] = [];
  places.forEach((to, i) => {
    const from = places[i - 1] ?? to;
    const part = insidePart(from, to);
    if (part === null) return;
    const last = kept.at(-1);
    const joins = last?.x === part[0].x && last.y === part[0].y;
    if (!joins) kept.push(...(last === undefined ? [] : [BREAK]), part[0]);
    if (part[1].x !== part[0].x || part[1].y !== part[0].y) kept.push(part[1]);
  });
  return kept.map((place) => ({ x: x.value(place.x), y: y.value(place.y) }));
}

/** Liang and Barsky's clipping of a segment to the unit square. */
function insidePart(from: LinePoint, to: LinePoint): readonly [LinePoint, LinePoint] | null {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  let [enter, leave] = [0, 1];
  const sides = [
    [-dx, from.x],
    [dx, 1 - from.x],
    [-dy, from.y],
    [dy, 1 - from.y],
  ] as const;
  for (const [speed, room] of sides) {
    // The corners of the square count as inside, however they were rounded.
    if (speed === 0 && room < -1e-9) return null;
    if (speed < 0) enter = Math.max(enter, room / speed);
    if (speed > 0) leave = Math.min(leave, room / speed);
  }
  if (enter > leave) return null;
  const at = (share: number): LinePoint => {
    if (share === 0) return from;
    return share === 1 ? to : { x: from.x + share * dx, y: from.y + share * dy };
  };
  return [at(enter), at(leave)];
}

/** Without the points that lie within a pixel of the one before; the last one stays. */
export function thinned<Point extends LinePoint>(
  points: readonly Point[],
  x: Ruler,
  y: Ruler,
  size: { readonly width: number; readonly height: number },
): Point[] {
  let kept: Point | undefined;
  return points.filter((point, i) => {
    const apart =
      kept === undefined ||
      Math.abs(x.place(point.x) - x.place(kept.x)) * size.width >= 1 ||
      Math.abs(y.place(point.y) - y.place(kept.y)) * size.height >= 1;
    if (apart) kept = point;
    return apart || i === points.length - 1;
  });
}
