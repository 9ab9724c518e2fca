/** Lists of seeds as people write them, such as `5,9,100..200`, and their seeds in that order. */
import { mistake } from '../../src/user-error.ts';

/** Both ends belong to it; `null` is without end. */
export type SeedRange = { readonly from: number; readonly to: number | null };

export const SEEDS_ALLOWED = 'seeds and ranges such as 1..1000, 5,9,100..200 or 1..';

/** Throws a UserError for what is no list of seeds. */
export function parseSeeds(text: string): SeedRange[] {
  return text.split(',').map((part) => {
    const [, first = '', dots, last = ''] = /^\s*(\d+)\s*(?:(\.\.)\s*(\d*))?\s*$/.exec(part) ?? [];
    const from = Number(first);
    const to = dots === undefined ? from : last === '' ? null : Number(last);
    const isRange = first !== '' && Number.isSafeInteger(from) && Number.isSafeInteger(to ?? 0);
    if (!isRange || (to !== null && to < from)) throw mistake('--seeds', part, SEEDS_ALLOWED);
    return { from, to };
  });
}

/** How many there are; `null` is without end. */
export function seedCount(ranges: readonly SeedRange[]): number | null {
  let count = 0;
  for (const { from, to } of ranges) {
    if (to === null) return null;
    count += to - from + 1;
  }
  return count;
}

/** The seeds in the order they are written. */
export function* seedsOf(ranges: readonly SeedRange[]): Generator<number> {
  for (const { from, to } of ranges) {
    for (let seed = from; seed <= (to ?? Number.MAX_SAFE_INTEGER); seed++) yield seed;
  }
}

export function rangesText(ranges: readonly SeedRange[]): string {
  return ranges
    .map(({ from, to }) => (to === from ? String(from) : `${from}..${to ?? ''}`))
    .join(',');
}
