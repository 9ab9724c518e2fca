/** The kinds of factors that studies have. */
import { type Bounds, numberAllowed, parseNumber } from '../../src/decimal.ts';
import type { StudyFactor } from './study.ts';

type Values<V> = { readonly values: readonly V[]; readonly quick?: readonly V[] };

export function numberFactor(
  about: string,
  bounds: Bounds,
  { values, quick = values }: Values<number>,
): StudyFactor<number> {
  return {
    about,
    allowed: numberAllowed(bounds),
    values,
    quick,
    parse: (text) => parseNumber(text, bounds),
    print: String,
  };
}

export function wordFactor<V extends string>(
  about: string,
  allowed: readonly V[],
  { values = allowed, quick = values }: Partial<Values<V>> = {},
): StudyFactor<V> {
  return {
    about,
    allowed: allowed.join(', '),
    values,
    quick,
    parse: (text) => allowed.find((word) => word === text),
    print: String,
  };
}

export function switchFactor(
  about: string,
  { values, quick = values }: Values<boolean>,
): StudyFactor<boolean> {
  return {
    about,
    allowed: 'on or off',
    values,
    quick,
    parse: (text) => (text === 'on' || text === 'off' ? text === 'on' : undefined),
    print: (value) => (value ? 'on' : 'off'),
  };
}

/** A range of milliseconds, such as `150-300`, as text. */
export function rangeFactor(
  about: string,
  { values, quick = values }: Values<string>,
): StudyFactor<string> {
  return {
    about,
    allowed: 'a range of milliseconds such as 150-300, of 1 to 600000',
    values,
    quick,
    parse: (text) => {
      const range = rangeOf(text);
      if (range === null) return undefined;
      const [low, high] = range;
      return low >= 1 && high <= 600_000 && low <= high ? `${low}-${high}` : undefined;
    },
    print: String,
  };
}

/** The two ends of a range as a range factor has it. */
export function endsOf(range: string): readonly [low: number, high: number] {
  const ends = rangeOf(range);
  if (ends === null) throw new RangeError(`expected a range such as 150-300, got ${range}`);
  return ends;
}

function rangeOf(text: string): readonly [low: number, high: number] | null {
  const [, low, high] = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  return low === undefined || high === undefined ? null : [Number(low), Number(high)];
}
