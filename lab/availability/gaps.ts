/** Stretches of time in which the cluster committed nothing. */

export type Span = { readonly fromMs: number; readonly toMs: number };

/** The commit index that the cluster knew from a moment on. */
export type Advance = { readonly atMs: number; readonly index: number };

/**
 * The longest time between two advances, of those that reach into the span: one that begins before
 * it or ends after it counts as a whole. Without a later advance the time lasts until `endMs`.
 */
export function longestGapMs(advances: readonly Advance[], span: Span, endMs: number): number {
  let longestMs = 0;
  let beforeMs = 0;
  for (const { atMs } of [...advances, { atMs: endMs }]) {
    const reachesInto = beforeMs < span.toMs && atMs > span.fromMs;
    if (reachesInto) longestMs = Math.max(longestMs, atMs - beforeMs);
    beforeMs = atMs;
  }
  return longestMs;
}

/** A tenth of a millisecond is finer than anything here depends on. */
export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
