/** What statistics ask of their input; a NaN would otherwise wander into a report unseen. */

/** An integer of at least `least`. */
export function requireCount(what: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(`${what}: expected an integer of at least ${least}, got ${count}`);
}

/** A number of 0 … 1, ends included. */
export function requireShare(what: string, share: number): void {
  if (share >= 0 && share <= 1) return;
  throw new RangeError(`${what}: expected a number from 0 to 1, got ${share}`);
}

export function requireFinite(samples: readonly number[]): void {
  const wrong = samples.find((sample) => !Number.isFinite(sample));
  if (wrong !== undefined) throw new RangeError(`samples: expected finite numbers, got ${wrong}`);
}

/** Finite, and none below the one before it. */
export function requireAscending(samples: readonly number[]): void {
  requireFinite(samples);
  let previous = Number.NEGATIVE_INFINITY;
  for (const sample of samples) {
    if (sample < previous) {
      throw new RangeError(`samples: expected ascending numbers, got ${sample} after ${previous}`);
    }
    previous = sample;
  }
}
