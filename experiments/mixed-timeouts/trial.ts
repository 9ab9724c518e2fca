/** One crash of a leader, or some lossy seconds, where servers draw from different ranges. */
import type { ClusterPlan } from '../../lab/study/cluster.ts';
import type { Crash } from '../../lab/study/crashes.ts';
import { endsOf } from '../../lab/study/factors.ts';
import {
  beginWith,
  CampaignCluster,
  crashLeader,
  numberOf,
  type Rules,
  serverAt,
  settingsOfRules,
  settle,
  watch,
} from '../../lab/study/failover.ts';
import { between, fork } from '../../src/raft/random.ts';

export const RUNS = ['crash', 'loss'] as const;

export type Cell = {
  readonly run: (typeof RUNS)[number];
  /** The range that some servers draw their election timeouts from, and how many of them. */
  readonly otherTimeoutMs: string;
  readonly others: number;
  readonly rules: Rules;
};

export type CrashSample = Crash & {
  /** Whether the server that crashed, and the one that won, has the other range. */
  readonly otherCrashed: boolean;
  readonly otherWon: boolean;
};

export type LossSample = {
  readonly run: 'loss';
  /** Elections that were won. */
  readonly changes: number;
  /** Elections that were begun. */
  readonly campaigns: number;
  readonly otherLeads: boolean;
};

export type Sample = CrashSample | LossSample;

export const SERVERS = 5;
export const USUAL_TIMEOUT_MS = [150, 300] as const;
export const HEARTBEAT_MS = 25;
export const LINK = { delayMs: 1, jitterMs: 0.5, distribution: 'uniform' } as const;
export const LOSS = 0.1;
export const LOSS_MS = 10_000;

export function trial(cell: Cell, seed: number): Sample {
  const cluster = new CampaignCluster(planOf(cell, seed), () => null);
  beginWith(cluster, serverAt(cluster, between(fork(seed, 'first leader'), 0, SERVERS - 1)));
  return cell.run === 'crash' ? crash(cluster, cell, seed) : lossy(cluster, cell);
}

/** The first servers have the other range: it is by lot who leads. */
function planOf({ otherTimeoutMs, others, rules }: Cell, seed: number): ClusterPlan {
  return {
    seed,
    nodes: SERVERS,
    settings: {
      ...settingsOfRules(rules),
      electionTimeoutMs: USUAL_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS,
    },
    settingsOf: (id) => (hasOther(id, others) ? { electionTimeoutMs: endsOf(otherTimeoutMs) } : {}),
    link: LINK,
  };
}

function hasOther(id: string, others: number): boolean {
  return numberOf(id) < others;
}

function crash(cluster: CampaignCluster, { others }: Cell, seed: number): CrashSample {
  settle(cluster);
  const failover = crashLeader(cluster, seed, HEARTBEAT_MS);
  return {
    run: 'crash',
    leaderlessMs: failover.leaderlessMs,
    terms: failover.terms,
    otherCrashed: hasOther(failover.victim, others),
    otherWon: hasOther(failover.winner, others),
  };
}

function lossy(cluster: CampaignCluster, { others }: Cell): LossSample {
  settle(cluster);
  cluster.inject({ kind: 'link', from: '*', to: '*', settings: { loss: LOSS } });
  const { campaigns, changes } = watch(cluster, LOSS_MS);
  return {
    run: 'loss',
    changes,
    campaigns,
    otherLeads: hasOther(cluster.elections.at(-1)?.node ?? 'n1', others),
  };
}
