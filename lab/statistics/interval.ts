/** What an experiment says of a quantity it measured: a value, and how far the truth may be off. */

/** `low <= value <= high`, all in the unit of the samples. */
export type Estimate = { readonly value: number; readonly low: number; readonly high: number };

/** Of the chance that an interval misses, half lies on either side. */
export function missPerSide(confidence: number): number {
  if (confidence > 0 && confidence < 1) return (1 - confidence) / 2;
  throw new RangeError(`a confidence lies between 0 and 1, ends excluded, got ${confidence}`);
}
