/** Numbers as a person writes them, in flags, variables and files. */

/** What a number may be; `below` leaves out the upper end. */
export type Bounds = { low: number; high: number; whole?: boolean; below?: boolean };

/** A number as a person writes it: decimal, no hexadecimal, no empty text. */
export function parseNumber(text: string, bounds: Bounds): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  // Adding zero turns -0 into 0, so that both name the same value.
  const value = Number(text) + 0;
  if (bounds.whole === true && !Number.isSafeInteger(value)) return undefined;
  if (value < bounds.low || value > bounds.high) return undefined;
  return bounds.below === true && value === bounds.high ? undefined : value;
}

/** The phrase that goes with `parseNumber`. */
export function numberAllowed({ low, high, whole, below }: Bounds): string {
  const kind = whole === true ? 'a whole number' : 'a number';
  return below === true ? `${kind} from ${low} to below ${high}` : `${kind} from ${low} to ${high}`;
}
