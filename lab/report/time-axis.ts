/**
 * An axis on which time does not pass evenly: it stretches where much happens and skips stretches
 * in which nothing does, so that a round trip and an election timeout fit one picture. Order is
 * kept: what is later stands further along.
 */

/** A stretch without events that is drawn shorter than it was: its pixels, and the time it was. */
export type AxisBreak = { readonly from: number; readonly to: number; readonly skipped: number };

export type TimeAxis = {
  readonly length: number;
  readonly breaks: readonly AxisBreak[];
  /** Pixels from the start; moments before the first and after the last stand at the ends. */
  readonly at: (moment: number) => number;
};

/** How far apart two neighbouring moments stand, and whether time is skipped between them. */
export type Distance = { readonly pixels: number; readonly skips: boolean };

/** `distance` is asked for every two neighbours among `moments`, in order of time. */
export function timeAxis(
  moments: readonly number[],
  distance: (from: number, to: number) => Distance,
): TimeAxis {
  const sorted = [...new Set(moments)].sort((a, b) => a - b);
  const positions: number[] = [];
  const breaks: AxisBreak[] = [];
  let position = 0;
  sorted.forEach((moment, i) => {
    const previous = sorted[i - 1];
    if (previous !== undefined) {
      const { pixels, skips } = distance(previous, moment);
      if (skips) breaks.push({ from: position, to: position + pixels, skipped: moment - previous });
      position += pixels;
    }
    positions.push(position);
  });
  return { length: position, breaks, at: (moment) => interpolate(sorted, positions, moment) };
}

function interpolate(
  moments: readonly number[],
  positions: readonly number[],
  moment: number,
): number {
  const after = firstNotBefore(moments, moment);
  const last = positions.at(-1) ?? 0;
  const [high, highAt] = [moments[after], positions[after]];
  const [low, lowAt] = [moments[after - 1], positions[after - 1]];
  if (high === undefined || highAt === undefined) return last;
  if (low === undefined || lowAt === undefined || high === moment) return highAt;
  return lowAt + ((moment - low) / (high - low)) * (highAt - lowAt);
}

/** Where `moment` stands in the sorted moments, or would be inserted. */
export function firstNotBefore(moments: readonly number[], moment: number): number {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle] ?? 0) < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
