/** One crash of a leader on a LAN, as in figure 16 of the Raft paper. */

import type { Member } from '../../lab/sim/member.ts';
import { PLAIN, ProfiledCluster } from '../../lab/study/cluster.ts';
import { endsOf } from '../../lab/study/factors.ts';
import { LOGCABIN_LAN } from '../../lab/study/link-profiles.ts';
import { between, fork } from '../../src/raft/random.ts';
import type { Message } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';

export type Cell = {
  readonly electionTimeoutMs: string;
  /** Clocks gain or lose up to so many microseconds a second. */
  readonly clockPpm: number;
};

export type Sample = {
  /** From the crash until another server leads. */
  readonly leaderlessMs: number;
  /** From the crash until all others have heard of it, as the publication measures. */
  readonly heardMs: number;
  /** Elections that were begun after the crash, up to the one that was won. */
  readonly terms: number;
};

const SERVERS = 5;
/** Of the four followers; the others are not eligible. */
const FOLLOWERS_UP_TO_DATE = 2;
const US_PER_MS = 1000;
/** Far beyond the longest of a thousand trials without any randomness. */
const LIMIT_MS = 3_600_000;

export function trial({ clockPpm, electionTimeoutMs }: Cell, seed: number): Sample {
  const range = endsOf(electionTimeoutMs);
  const heartbeatMs = range[0] / 2;
  /**
   * Whose logs fall behind in the last round: its heartbeat reaches them, and its entry does not.
   */
  let behind: readonly string[] = [];
  const links = (message: Message): Partial<LinkSettings> => {
    if (behind.length > 0 && message.kind === 'AppendEntries') {
      // Each follower gets one message of the round, so that all timers start together.
      if (behind.includes(message.to) === message.entries.length > 0) return { cut: true };
    }
    return LOGCABIN_LAN.of(message);
  };
  const settings = { ...PLAIN, electionTimeoutMs: range, heartbeatMs };
  const clocks = fork(seed, 'clocks');
  const driftPpm = Array.from({ length: SERVERS }, () => between(clocks, -clockPpm, clockPpm));
  const plan = { seed, nodes: SERVERS, settings, clients: 1, driftPpm };
  const cluster = new ProfiledCluster(plan, links);
  const leader = elect(cluster);
  const sentMs = nextRoundMs(cluster, leader);
  const followers = [...cluster.members.keys()].filter((id) => id !== leader.id);
  behind = followers.slice(FOLLOWERS_UP_TO_DATE);
  cluster.clients.call({ atMs: cluster.nowMs, client: 0, op: 'put', key: 'k', value: 'v' });
  const crashMs = sentMs + between(fork(seed, 'crash'), 0, heartbeatMs * US_PER_MS) / US_PER_MS;
  cluster.runUntil(crashMs);
  behind = [];
  const termBefore = cluster.elections.at(-1)?.term ?? 0;
  cluster.crash(leader);
  const { length: before } = cluster.elections;
  const limitMs = crashMs + LIMIT_MS;
  if (!cluster.runUntil(limitMs, () => cluster.elections.length > before)) {
    throw new Error(`no leader within ${LIMIT_MS} ms of the crash`);
  }
  const { atMs = 0, term = termBefore } = cluster.elections[before] ?? {};
  cluster.runUntil(limitMs, () => hasKnownLeader(cluster));
  const terms = term - termBefore;
  return { leaderlessMs: atMs - crashMs, heardMs: cluster.nowMs - crashMs, terms };
}

/** Whether all that are up know who leads: that may be another by then than the first. */
function hasKnownLeader(cluster: ProfiledCluster): boolean {
  const leader = cluster.leader();
  if (leader === null) return false;
  return [...cluster.members.values()].every(
    ({ raft }) => raft === null || raft.volatile.leaderId === leader.id,
  );
}

/** Starts the cluster, and waits until its leader has brought all others up to date. */
function elect(cluster: ProfiledCluster): Member {
  const [first, ...others] = cluster.members.values();
  if (first === undefined) throw new Error('a cluster of nobody');
  // The others start when the first one asks for their votes: this leader need not be fought for.
  cluster.start(first);
  cluster.runUntil(LIMIT_MS, () => first.raft?.role.kind === 'candidate');
  for (const other of others) cluster.start(other);
  const settled = cluster.runUntil(LIMIT_MS, () => cluster.isSettled());
  const leader = cluster.leader();
  if (!settled || leader === null) throw new Error(`no leader to crash within ${LIMIT_MS} ms`);
  return leader;
}

/**
 * Goes on to the leader's next heartbeats, up to just before they are sent; returns when that is.
 */
function nextRoundMs(cluster: ProfiledCluster, { clock, id, raft }: Member): number {
  if (raft?.role.kind !== 'leader') throw new Error(`${id} does not lead`);
  const atUs = clock.whenUs(raft.role.heartbeatDeadlineUs);
  cluster.runUntil((atUs - 1) / US_PER_MS);
  return atUs / US_PER_MS;
}
