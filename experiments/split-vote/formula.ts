/**
 * The closed formulas of the dissertation for elections with a fixed latency (Ongaro 2014, §9.2 and
 * §9.3). Times and latencies are shares of the range that timeouts are drawn from.
 */
import { tails } from '../../lab/statistics/binomial.ts';
import type { Cell } from './trial.ts';

export const SOURCE = 'Ongaro 2014, §9.2 and §9.3';

/**
 * How many servers must time out within a latency of the first for it to miss a majority: it gets
 * its own vote and those of the servers that time out later.
 */
export function candidatesThatSplit({ alive, servers }: Pick<Cell, 'alive' | 'servers'>): number {
  return alive - Math.floor(servers / 2) + 1;
}

/**
 * §9.2: the chance that so many of those alive time out within a latency of the first, which comes
 * to the upper tail of a binomial distribution: Σ C(s, k) l^k (1 - l)^(s - k) from k = c - 1.
 */
export function splitProbability(cell: Cell): number {
  return tails(candidatesThatSplit(cell) - 1, cell.alive, cell.latency).atLeast;
}

/**
 * §9.3 without the old leader and without disks: elections are repeated until one is not split,
 * each as if it were the first, 1 / (1 - p) · (1 + 1 / (s + 1) + l) + l.
 */
export function expectedElection(cell: Cell): number {
  const p = splitProbability(cell);
  return (1 / (1 - p)) * (1 + 1 / (cell.alive + 1) + cell.latency) + cell.latency;
}

/** What the text of §9.2 works out, as examples. */
export type Example = Cell & { readonly text: string };

export const EXAMPLES: readonly Example[] = [
  { servers: 5, alive: 4, latency: 0.01, text: 'about 0.06 %' },
  { servers: 5, alive: 4, latency: 0.1, text: 'about 5.2 %' },
  { servers: 5, alive: 4, latency: 0.2, text: 'about 18.1 %' },
  { servers: 5, alive: 3, latency: 0.2, text: 'about half' },
  { servers: 9, alive: 7, latency: 0.2, text: 'about 15 %' },
  { servers: 9, alive: 6, latency: 0.2, text: 'about 35 %' },
  { servers: 7, alive: 6, latency: 0.2, text: 'about 10 %' },
  { servers: 9, alive: 5, latency: 0.2, text: 'nearly 70 %' },
  { servers: 9, alive: 5, latency: 0.1, text: '40 %' },
];
