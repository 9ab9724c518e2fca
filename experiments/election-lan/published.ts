/**
 * The time without a leader after the leader crashes, as published: figure 16 of the Raft paper
 * (Ongaro and Ousterhout 2014; §9.4 of the dissertation), read off its vector figures, not the
 * authors' raw data. Five servers, 1,000 trials for each range of timeouts, 100 for 150-150.
 */
export const SOURCE =
  'Ongaro 2014, §9.4 (CC-BY), which is figure 16 of the Raft paper: quantiles read off the ' +
  'vector figures';

/** Which quantiles stand in each list below. */
export const QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99] as const;

export type Published = { readonly meanMs: number; readonly quantilesMs: readonly number[] };

/** By the range that election timeouts are drawn from, in milliseconds. */
export const PUBLISHED: Readonly<Record<string, Published>> = {
  '150-150': {
    meanMs: 54782,
    quantilesMs: [
      13822.8, 17406.0, 19974.8, 28498.9, 41111.2, 60671.3, 84938.6, 121426.1, 527843.2,
    ],
  },
  '150-151': {
    meanMs: 1538,
    quantilesMs: [123.4, 289.2, 434.9, 737.5, 1199.9, 1946.7, 3135.3, 4025.0, 6031.2],
  },
  '150-155': {
    meanMs: 346,
    quantilesMs: [93.6, 107.0, 119.4, 154.7, 287.7, 436.3, 610.9, 767.0, 1281.4],
  },
  '150-175': {
    meanMs: 164,
    quantilesMs: [90.8, 102.1, 107.0, 121.1, 141.3, 164.6, 291.6, 314.5, 468.5],
  },
  '150-200': {
    meanMs: 156,
    quantilesMs: [94.8, 104.7, 110.6, 125.1, 146.7, 167.0, 193.8, 296.9, 353.5],
  },
  '150-300': {
    meanMs: 181,
    quantilesMs: [103.8, 115.0, 124.9, 144.5, 171.5, 208.0, 244.7, 265.7, 422.6],
  },
  '12-24': { meanMs: 35.8, quantilesMs: [17.8, 19.6, 20.8, 25.5, 31.1, 43.3, 54.3, 68.2, 89.4] },
  '25-50': { meanMs: 49, quantilesMs: [26.4, 30.1, 31.6, 36.5, 44.1, 53.5, 75.0, 84.9, 123.3] },
  '50-100': { meanMs: 72.4, quantilesMs: [40.4, 45.4, 48.6, 57.3, 67.8, 80.5, 96.8, 121.1, 171.3] },
  '100-200': {
    meanMs: 126.5,
    quantilesMs: [70.4, 79.1, 86.4, 101.2, 121.2, 146.5, 167.8, 184.2, 278.2],
  },
};

/** The ranges of each panel, in the order of its legend. */
export const PANELS: readonly { readonly title: string; readonly ranges: readonly string[] }[] = [
  {
    title: 'Time without a leader as timeouts get more randomness',
    ranges: ['150-150', '150-151', '150-155', '150-175', '150-200', '150-300'],
  },
  {
    title: 'Time without a leader as timeouts get shorter',
    ranges: ['12-24', '25-50', '50-100', '100-200', '150-300'],
  },
];

/** All ranges, each once. */
export const RANGES: readonly string[] = Object.keys(PUBLISHED);

/**
 * How far a median may be from the published one to count as reproduced, set before anything was
 * measured. Where the range is but a few milliseconds, what decides is who is a millisecond ahead:
 * there the network's and the threads' own jitter is all there is, and it was not published.
 */
export function toleranceOf(range: string): number {
  return ['150-150', '150-151', '150-155'].includes(range) ? 0.3 : 0.1;
}

/** What the text says of the same measurements (§9.4). */
export type Statement = {
  readonly range: string;
  readonly what: 'median' | 'mean' | 'longest';
  readonly ms: number;
};

export const STATEMENTS: readonly Statement[] = [
  { range: '150-155', what: 'median', ms: 287 },
  { range: '150-200', what: 'longest', ms: 513 },
  { range: '12-24', what: 'mean', ms: 35 },
  { range: '12-24', what: 'longest', ms: 152 },
];
