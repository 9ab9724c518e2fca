/**
 * A leader that crashes and the election after it, and clusters that start: what the studies of
 * elections that the dissertation leaves open (§9.7) have in common.
 */
import { between, fork } from '../../src/raft/random.ts';
import type { Effect, Input, RaftState } from '../../src/raft/types.ts';
import type { Member } from '../sim/member.ts';
import { type Election, ProfiledCluster } from './cluster.ts';
import { type Refinements, refinements } from './refinements.ts';

const US_PER_MS = 1000;
/** Far beyond any election that comes to an end. */
const LIMIT_MS = 600_000;

/** Raft as published first, and with what keeps servers from disturbing a leader that is heard. */
export const RULES = ['plain', 'protected'] as const;
export type Rules = (typeof RULES)[number];

export const RULES_ABOUT: Readonly<Record<Rules, string>> = {
  plain: 'without PreVote, CheckQuorum and leader stickiness',
  protected: 'with PreVote (§9.6), CheckQuorum (§6.2) and leader stickiness (§4.2.3)',
};

export function settingsOfRules(rules: Rules): Refinements {
  return rules === 'plain'
    ? refinements()
    : refinements('preVote', 'checkQuorum', 'leaderStickiness');
}

/** Notes the elections that its servers begin, won or not. */
export class CampaignCluster extends ProfiledCluster {
  /** Who asked for votes, once for each term in which it did. */
  readonly campaigns: Election[] = [];
  readonly #latest = new Map<string, number>();

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    super.stepped(member, input, effects, state);
    if (state.role.kind !== 'candidate') return;
    const { currentTerm } = state.persistent;
    if (this.#latest.get(member.id) === currentTerm) return;
    this.#latest.set(member.id, currentTerm);
    this.campaigns.push({ atMs: this.nowMs, node: member.id, term: currentTerm });
  }
}

/** The server with this number, counted from 0. */
export function serverAt(cluster: CampaignCluster, number: number): Member {
  return cluster.member(`n${number + 1}`);
}

/** The number of a server: that of `n1` is 0. */
export function numberOf(id: string): number {
  return Number(id.slice(1)) - 1;
}

/**
 * Starts the cluster so that this server leads first: the others start, and their timers with them,
 * at the moment when it asks for votes. Ends when an election has been won.
 */
export function beginWith(cluster: CampaignCluster, first: Member): void {
  cluster.start(first);
  const campaigns = (): boolean => (first.raft?.role.kind ?? 'follower') !== 'follower';
  if (!cluster.runUntil(LIMIT_MS, campaigns)) throw new Error(`${first.id} never campaigns`);
  for (const member of cluster.members.values()) cluster.start(member);
  if (cluster.runUntil(LIMIT_MS, () => cluster.elections.length > 0)) return;
  throw new Error(`no first leader within ${LIMIT_MS} ms`);
}

/** Waits until all servers follow one leader. */
export function settle(cluster: CampaignCluster): void {
  if (cluster.runUntil(cluster.nowMs + LIMIT_MS, () => cluster.isSettled())) return;
  throw new Error(`no leader that all follow within ${LIMIT_MS} ms`);
}

export type Failover = {
  readonly victim: string;
  readonly winner: string;
  /** From the crash until another server has won an election. */
  readonly leaderlessMs: number;
  /** Since the last one in which somebody had won; in each but the last of them nobody did. */
  readonly terms: number;
};

/**
 * Whoever leads crashes, at a moment uniform within the heartbeat interval that follows, and the
 * others elect another leader.
 */
export function crashLeader(cluster: CampaignCluster, seed: number, heartbeatMs: number): Failover {
  const drawnUs = between(fork(seed, 'crash'), 0, Math.round(heartbeatMs * US_PER_MS));
  cluster.runUntil(cluster.nowMs + drawnUs / US_PER_MS);
  const leads = (): boolean => cluster.leader() !== null;
  cluster.runUntil(cluster.nowMs + LIMIT_MS, leads);
  const victim = cluster.leader();
  if (victim === null) throw new Error(`no leader to crash within ${LIMIT_MS} ms`);
  const crashMs = cluster.nowMs;
  const { length: before } = cluster.elections;
  // A rival may have begun a later term already.
  const term = cluster.elections[before - 1]?.term ?? 0;
  cluster.crash(victim);
  cluster.runUntil(crashMs + LIMIT_MS, () => cluster.elections.length > before);
  const election = cluster.elections[before];
  if (election === undefined) throw new Error(`no leader within ${LIMIT_MS} ms of the crash`);
  return {
    victim: victim.id,
    winner: election.node,
    leaderlessMs: election.atMs - crashMs,
    terms: election.term - term,
  };
}

/** What comes to pass while nothing is done to the servers for so long. */
export function watch(
  cluster: CampaignCluster,
  forMs: number,
): { readonly changes: number; readonly campaigns: number } {
  const before = { campaigns: cluster.campaigns.length, elections: cluster.elections.length };
  cluster.runUntil(cluster.nowMs + forMs);
  return {
    changes: cluster.elections.length - before.elections,
    campaigns: cluster.campaigns.length - before.campaigns,
  };
}
