/** A server comes back to a cluster that went on without it, as a member or as one no more. */

import type { Member } from '../../lab/sim/member.ts';
import { StudyCluster } from '../../lab/study/cluster.ts';
import { Load } from '../../lab/study/load.ts';
import { between, fork } from '../../src/raft/random.ts';
import type { Effect, Input, RaftState } from '../../src/raft/types.ts';
import {
  AWAY_MS,
  type Cell,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  LINK,
  SERVERS,
  VARIANTS,
  WATCHED_MS,
  WRITES_PER_SECOND,
} from './setup.ts';

export type Sample = {
  /** After the return, as are the others: elections that somebody won. */
  readonly leaderChanges: number;
  /** By how much the leader's term had grown when the watch was over. */
  readonly terms: number;
  /** By how much the term of the server that was away had run ahead when it returned. */
  readonly termsAhead: number;
  /** From a leader's end to the next commit: the longest such time, and all of them. */
  readonly longestOutageMs: number;
  readonly outageMs: number;
  /** From the return to the first of them; null where no leader stepped down. */
  readonly deposedAfterMs: number | null;
  /** The longest time without a commit; null where nothing is written. */
  readonly longestGapMs: number | null;
};

const US_PER_MS = 1000;
const LIMIT_MS = 30_000;
const CLIENTS = 20;
/** For whoever has been removed to be so in all logs before it is healed. */
const REMOVAL_LIMIT_MS = 5000;

export function trial({ variant, who }: Cell, seed: number): Sample {
  const cluster = new WatchedCluster({
    seed,
    nodes: SERVERS,
    settings: {
      ...VARIANTS[variant],
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS,
    },
    link: LINK,
    clients: CLIENTS,
  });
  cluster.begin();
  settle(cluster);
  const away = followerOf(cluster);
  const load = new Load(cluster, { seed });
  const others = [...cluster.members.values()].filter((member) => member !== away);
  const pairs = others.flatMap(({ id }) => [[id, away.id] as const, [away.id, id] as const]);
  // The return is at any moment of a heartbeat interval and of the server's own timer.
  const drawnUs = between(fork(seed, 'return'), 0, HEARTBEAT_MS * US_PER_MS);
  const returnMs = cluster.nowMs + AWAY_MS + drawnUs / US_PER_MS;
  if (who !== 'level') load.arrive(WRITES_PER_SECOND, returnMs + WATCHED_MS);
  cluster.inject({ kind: 'cut', links: pairs }, returnMs - cluster.nowMs);
  if (who === 'removed') remove(cluster, away);
  cluster.runUntil(returnMs);
  const before = cluster.watch();
  const ahead = termOf(away) - before.term;
  cluster.runUntil(returnMs + WATCHED_MS);
  const sample = sampleOf(cluster, before, returnMs, ahead, who === 'level');
  conclude(cluster, who === 'removed' ? away : null);
  return sample;
}

/** Notes when leaders cease to lead. */
class WatchedCluster extends StudyCluster {
  readonly stepDownsMs: number[] = [];
  #leader: string | null = null;

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    super.stepped(member, input, effects, state);
    const { id } = member;
    if (state.role.kind !== 'leader') {
      if (this.#leader === id) this.#lead(null);
    } else if (this.#leader !== id && this.elections.at(-1)?.node === id) this.#lead(id);
  }

  /** Where another is elected before the old leader hears of it, that is the moment. */
  #lead(id: string | null): void {
    if (this.#leader !== null) this.stepDownsMs.push(this.nowMs);
    this.#leader = id;
  }

  watch(): Before {
    const leader = this.leader();
    if (leader === null) throw new Error('nobody leads when the server returns');
    const { length: elections } = this.elections;
    const { length: stepDowns } = this.stepDownsMs;
    return { term: termOf(leader), elections, stepDowns };
  }
}

type Before = { readonly term: number; readonly elections: number; readonly stepDowns: number };

function sampleOf(
  cluster: WatchedCluster,
  before: Before,
  returnMs: number,
  termsAhead: number,
  isIdle: boolean,
): Sample {
  const endMs = cluster.nowMs;
  const stepDowns = cluster.stepDownsMs.slice(before.stepDowns);
  const commits = cluster.commits.map(({ atMs }) => atMs).filter((atMs) => atMs >= returnMs);
  const outages: number[] = [];
  let coveredMs = returnMs;
  for (const fromMs of stepDowns) {
    // Two leaders may step down before anything commits.
    if (fromMs < coveredMs) continue;
    coveredMs = commits.find((atMs) => atMs >= fromMs) ?? endMs;
    outages.push(coveredMs - fromMs);
  }
  const { elections } = cluster;
  const term = elections.at(-1)?.term ?? before.term;
  return {
    leaderChanges: elections.length - before.elections,
    terms: term - before.term,
    termsAhead,
    longestOutageMs: Math.max(0, ...outages),
    outageMs: outages.reduce((sum, ms) => sum + ms, 0),
    deposedAfterMs: stepDowns[0] === undefined ? null : stepDowns[0] - returnMs,
    longestGapMs: isIdle ? null : longestGapMs([returnMs, ...commits, endMs]),
  };
}

function longestGapMs(atMs: readonly number[]): number {
  return atMs.reduce((longest, at, i) => Math.max(longest, at - (atMs[i - 1] ?? at)), 0);
}

/** The others take the server out, which hears nothing of it. */
function remove(cluster: StudyCluster, away: Member): void {
  cluster.inject({ kind: 'leave', node: away.id });
  const isGone = (): boolean => {
    const { outgoing, voters } = cluster.configuration;
    return !voters.includes(away.id) && outgoing.length === 0;
  };
  if (cluster.runUntil(cluster.nowMs + REMOVAL_LIMIT_MS, isGone)) return;
  throw new Error(`${away.id} was not removed within ${REMOVAL_LIMIT_MS} ms`);
}

/** Judges what came of it; who goes on disturbing is stopped first. */
function conclude(cluster: StudyCluster, removed: Member | null): void {
  if (removed !== null) cluster.crash(removed);
  settle(cluster);
  cluster.judge();
}

function settle(cluster: StudyCluster): void {
  if (cluster.runUntil(cluster.nowMs + LIMIT_MS, () => cluster.isSettled())) return;
  throw new Error(`no leader that all follow within ${LIMIT_MS} ms`);
}

/** The first that does not lead: leaders are drawn, so it is any. */
function followerOf(cluster: StudyCluster): Member {
  const leader = cluster.leader();
  const follower = [...cluster.members.values()].find((member) => member !== leader);
  if (follower === undefined) throw new Error('a cluster of a leader alone');
  return follower;
}

function termOf({ raft }: Member): number {
  return raft?.persistent.currentTerm ?? 0;
}
