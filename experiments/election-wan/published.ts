/**
 * What the text of the dissertation says of its simulated WAN (Ongaro 2014, §9.4). Its curves are
 * published as pictures alone, so that there are no quantiles to compare with.
 */
export const SOURCE = 'Ongaro 2014, §9.4, in the text';

export type Statement = {
  readonly failed: number;
  readonly what: 'mean' | 'p99.9';
  readonly ms: number;
  /** `about` is met within the tolerance, `within` by anything that is not above it. */
  readonly how: 'about' | 'within';
};

export const STATEMENTS: readonly Statement[] = [
  { failed: 1, what: 'mean', ms: 475, how: 'about' },
  { failed: 1, what: 'p99.9', ms: 1500, how: 'within' },
  { failed: 2, what: 'mean', ms: 650, how: 'about' },
  { failed: 2, what: 'p99.9', ms: 3000, how: 'within' },
];

export const TOLERANCE = 0.1;

/**
 * §9.5 calls performance with differing logs "very similar" and the effect small, without a number.
 * Here that is taken to mean that the mean is no further off than this.
 */
export const SMALL_EFFECT = 0.2;
