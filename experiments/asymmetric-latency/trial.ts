/** One crash of a leader where each link has a latency of its own. */

import { PLAIN } from '../../lab/study/cluster.ts';
import {
  beginWith,
  CampaignCluster,
  crashLeader,
  numberOf,
  serverAt,
  settle,
} from '../../lab/study/failover.ts';
import { between, fork } from '../../src/raft/random.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import { type Latencies, meanLatencyMs, SERVERS, SHAPES, type Topology } from './topology.ts';

export type Cell = {
  readonly links: Topology;
  /** Minimum election timeout over the mean latency of the links, one way. */
  readonly timeoutRatio: number;
};

export type Sample = {
  readonly leaderlessMs: number;
  /** In minimum election timeouts. */
  readonly leaderlessTimeouts: number;
  readonly terms: number;
  /**
   * Among the four that were left, by the mean latency of their links with each other, 1 being the
   * lowest: both ways, out and in; and by the latency from the leader that crashed.
   */
  readonly ranks: { readonly [By in RankBy]: number };
  /** The server that won, counted from 0. */
  readonly winner: number;
  readonly victim: number;
};

export const RANKS_BY = ['both', 'out', 'in', 'fromLeader'] as const;
export type RankBy = (typeof RANKS_BY)[number];

/** The settings of a cell; the longest timeout is twice the shortest. */
export function timingOf({ links, timeoutRatio }: Cell) {
  const timeoutMs = SHAPES[links].meanMs * timeoutRatio;
  return {
    electionTimeoutMs: [timeoutMs, 2 * timeoutMs] as const,
    heartbeatMs: timeoutMs / 2,
  };
}

export function trial(cell: Cell, seed: number): Sample {
  const latencies = SHAPES[cell.links].draw(fork(seed, 'latencies'));
  const timing = timingOf(cell);
  const cluster = new CampaignCluster(
    { seed, nodes: SERVERS, settings: { ...PLAIN, ...timing } },
    ({ from, to }) => linkOf(cell.links, latencies[numberOf(from)]?.[numberOf(to)] ?? 0),
  );
  beginWith(cluster, serverAt(cluster, between(fork(seed, 'first leader'), 0, SERVERS - 1)));
  settle(cluster);
  const failover = crashLeader(cluster, seed, timing.heartbeatMs);
  const [winner, victim] = [numberOf(failover.winner), numberOf(failover.victim)];
  return {
    leaderlessMs: failover.leaderlessMs,
    leaderlessTimeouts: failover.leaderlessMs / timing.electionTimeoutMs[0],
    terms: failover.terms,
    ranks: ranksOf(latencies, winner, victim, seed),
    winner,
    victim,
  };
}

function linkOf(links: Topology, meanMs: number): Partial<LinkSettings> {
  const { share } = SHAPES[links];
  return { delayMs: meanMs, jitterMs: meanMs * share, distribution: 'uniform' };
}

function ranksOf(
  latencies: Latencies,
  winner: number,
  victim: number,
  seed: number,
): Sample['ranks'] {
  const survivors = Array.from({ length: SERVERS }, (_, i) => i).filter((i) => i !== victim);
  // Links that are alike are ranked by lot, or the lower number would always be the better one.
  const rng = fork(seed, 'ties');
  const lots = survivors.map(() => between(rng, 0, 1_000_000_000));
  const rankBy = (latencyMs: (server: number) => number): number => {
    const order = survivors
      .map((server, i) => ({ server, latencyMs: latencyMs(server), lot: lots[i] ?? 0 }))
      .sort((a, b) => a.latencyMs - b.latencyMs || a.lot - b.lot);
    return 1 + order.findIndex(({ server }) => server === winner);
  };
  return {
    both: rankBy((server) => meanLatencyMs(latencies, server, survivors, 'both')),
    out: rankBy((server) => meanLatencyMs(latencies, server, survivors, 'out')),
    in: rankBy((server) => meanLatencyMs(latencies, server, survivors, 'in')),
    fromLeader: rankBy((server) => latencies[victim]?.[server] ?? 0),
  };
}
