/**
 * Throughput and latency of LogCabin by the size of its cluster, as published: §10.3 of the
 * dissertation (Ongaro 2014), read off its vector figures, not the author's raw data. Five
 * machines, gigabit Ethernet, an SSD each, values of 1,024 bytes.
 */
export const SOURCE =
  'Ongaro 2014, §10.3 (CC-BY): LogCabin on five machines with gigabit Ethernet and SSDs, values ' +
  'of 1,024 bytes, read off the vector figures';

/** Ratios are taken to this size. */
export const REFERENCE_SIZE = 3;

/** For clusters of 1, 2, … servers, by the number of client threads. */
export const PUBLISHED_OPS_PER_SECOND: Readonly<Record<number, readonly number[]>> = {
  1: [1500, 1030, 1060, 1010, 1020],
  10: [8330, 4800, 5160, 4740, 4820],
  100: [29_500, 21_000, 19_600, 16_700, 14_600],
};

/** With one client thread, which has one write outstanding. */
export const PUBLISHED_LATENCY_MS: readonly number[] = [0.668, 0.975, 0.941, 0.988, 0.984];

/** Nothing is published of larger clusters, and of other numbers of clients. */
export function publishedOpsPerSecond(nodes: number, clients: number): number | null {
  return PUBLISHED_OPS_PER_SECOND[clients]?.[nodes - 1] ?? null;
}

export function publishedLatencyMs(nodes: number): number | null {
  return PUBLISHED_LATENCY_MS[nodes - 1] ?? null;
}
