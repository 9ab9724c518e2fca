/** Numbers that the trial, its expectation and its report share. */

export const HOWS = ['none', 'crash', 'pause', 'slow-disk', 'slow-link'] as const;
export type How = (typeof HOWS)[number];

export type Cell = {
  readonly nodes: number;
  readonly how: How;
  /** How many followers fail, of at most a minority. */
  readonly failed: number;
};

/** One way. */
export const LINK = { delayMs: 1, jitterMs: 0.5 } as const;
export const DISK_MS = [0.2, 1] as const;
/** Of a gigabit: what each server sends to all others together. */
export const UPLINK_BYTES_PER_SECOND = 100_000_000;
/** What a slow disk or, one way, a slow link takes longer. */
export const SLOWER_MS = 20;
/** Farther apart than any write takes, so that writes do not wait for each other. */
export const WRITES_PER_SECOND = 200;
export const VALUE_BYTES = 1024;
export const OUTSTANDING = 8;
export const MEASURED_MS = 2000;
export const THROUGHPUT_MS = 400;
/** Of what is shown around the moment of return. */
export const BEFORE_RETURN_MS = 100;
export const AFTER_RETURN_MS = 300;
