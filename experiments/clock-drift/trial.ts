/** One crash of a leader, or some quiet seconds, where clocks run at rates of their own. */
import type { ClusterPlan } from '../../lab/study/cluster.ts';
import type { Crash } from '../../lab/study/crashes.ts';
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
import { fork, pick } from '../../src/raft/random.ts';
import { clocksOf, drawRates, driftPpm, type Rates, SERVERS } from './clocks.ts';

export const RUNS = ['crash', 'quiet'] as const;

export type Cell = {
  readonly run: (typeof RUNS)[number];
  readonly clocks: string;
  readonly rules: Rules;
};

export type CrashSample = Crash & {
  /** The server whose clock is unlike the others' led when the leader crashed, or won then. */
  readonly oddCrashed: boolean;
  readonly oddWon: boolean;
};

export type QuietSample = {
  readonly run: 'quiet';
  /** Elections that were won after the first, … */
  readonly changes: number;
  /** … and that were begun. */
  readonly campaigns: number;
  /** Whoever leads at the end, its clock is the fastest of all. */
  readonly fastestLeads: boolean;
};

export type Sample = CrashSample | QuietSample;

export const ELECTION_TIMEOUT_MS = [150, 300] as const;
export const HEARTBEAT_MS = 50;
export const LINK = { delayMs: 1, jitterMs: 0.5, distribution: 'uniform' } as const;
/** Before the crash, so that whoever disturbs the first leader can. */
export const WARM_UP_MS = 1000;
export const QUIET_MS = 10_000;

export function trial({ clocks: text, rules, run }: Cell, seed: number): Sample {
  const clocks = clocksOf(text);
  if (clocks === undefined) throw new RangeError(`there are no clocks ${text}`);
  const drawn = drawRates(clocks, seed);
  const cluster = new CampaignCluster(planOf(rules, drawn, seed), () => null);
  beginWith(cluster, serverAt(cluster, firstLeader(drawn, seed)));
  return run === 'crash' ? crash(cluster, drawn, seed) : quiet(cluster, drawn);
}

function planOf(rules: Rules, drawn: Rates, seed: number): ClusterPlan {
  const timing = { electionTimeoutMs: ELECTION_TIMEOUT_MS, heartbeatMs: HEARTBEAT_MS };
  const settings = { ...settingsOfRules(rules), ...timing };
  return { seed, nodes: SERVERS, settings, link: LINK, driftPpm: driftPpm(drawn) };
}

/**
 * One whose clock is the slowest, by lot where several are: its heartbeats are the farthest apart,
 * so that if clocks can unseat a leader, they unseat this one.
 */
function firstLeader({ rates }: Rates, seed: number): number {
  const slowest = Math.min(...rates);
  return pick(
    fork(seed, 'first leader'),
    rates.flatMap((rate, i) => (rate === slowest ? [i] : [])),
  );
}

function crash(cluster: CampaignCluster, { odd, rates }: Rates, seed: number): CrashSample {
  cluster.runUntil(cluster.nowMs + WARM_UP_MS);
  settle(cluster);
  const leads = rates[numberOf(cluster.leader()?.id ?? 'n1')] ?? 1;
  const failover = crashLeader(cluster, seed, HEARTBEAT_MS / leads);
  return {
    run: 'crash',
    leaderlessMs: failover.leaderlessMs,
    terms: failover.terms,
    oddCrashed: numberOf(failover.victim) === odd,
    oddWon: numberOf(failover.winner) === odd,
  };
}

function quiet(cluster: CampaignCluster, { rates }: Rates): QuietSample {
  const { campaigns, changes } = watch(cluster, QUIET_MS);
  const leads = rates[numberOf(cluster.elections.at(-1)?.node ?? 'n1')];
  return {
    run: 'quiet',
    changes,
    campaigns,
    fastestLeads: leads === Math.max(...rates),
  };
}
