/** The power fails under load, and comes back: which acknowledged writes does the cluster lack? */
import type { Member } from '../../lab/sim/member.ts';
import { isCaughtUp } from '../../lab/sim/simulation.ts';
import { Load, OUTSTANDING_PER_CLIENT } from '../../lab/study/load.ts';
import { OperationReader } from '../../src/command.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import { SyncingCluster } from './cluster.ts';
import { type Cell, CLIENT_DELAY_MS, LINK, SERVERS } from './policies.ts';

export type LossSample = {
  readonly acknowledged: number;
  /** Acknowledged writes that the committed log does not have in the end. */
  readonly lost: number;
  /** How long before the failure the oldest of them was acknowledged; 0 if there is none. */
  readonly oldestMs: number;
  /** Servers that followed no leader rather than remove what they knew to be committed. */
  readonly refusing: number;
  /** Servers that the leader has not brought up to date again. */
  readonly behind: number;
};

export const OUTSTANDING = 2;
/** Up again after so long: machines of one rack, whose power comes back at once. */
export const BOOT_MS = [1000, 1050] as const;
/** After the cluster has a leader again: a server that is behind then stays so. */
export const CATCHING_UP_MS = 400;
const LIMIT_MS = 20_000;
const SETTLED_MS = 100;
/** Writes go on for longer than a flush: what is older lies on the disk. */
export const WRITES_BEYOND_FLUSH_MS = 60;
const US_PER_MS = 1000;
const NS_PER_MS = 1_000_000;

const decoder = new TextDecoder();

export function lossTrial(cell: Cell, seed: number): LossSample {
  const cluster = new SyncingCluster(cell, {
    seed,
    nodes: SERVERS,
    link: LINK,
    clientLink: { delayMs: CLIENT_DELAY_MS },
    clients: OUTSTANDING / OUTSTANDING_PER_CLIENT,
  });
  const rng = fork(seed, 'power');
  cluster.begin();
  cluster.runUntil(LIMIT_MS, () => cluster.leader() !== null);
  // At any moment between two flushes.
  cluster.runUntil(cluster.nowMs + SETTLED_MS + drawMs(rng, 0, cell.flushMs));
  const load = new Load(cluster, { seed });
  load.keepOutstanding(OUTSTANDING);
  cluster.runUntil(cluster.nowMs + cell.flushMs + WRITES_BEYOND_FLUSH_MS);
  load.stop();
  const failedMs = cluster.nowMs;
  for (const member of struckBy(cell, cluster)) {
    cluster.crash(member);
    const bootUs = Math.round(drawMs(rng, ...BOOT_MS) * US_PER_MS);
    cluster.events.after(bootUs, () => cluster.start(member));
  }
  cluster.runUntil(failedMs + BOOT_MS[1]);
  if (!cluster.runUntil(failedMs + LIMIT_MS, () => hasRecovered(cluster))) {
    throw new Error(`no leader has committed anything within ${LIMIT_MS} ms`);
  }
  cluster.runUntil(cluster.nowMs + CATCHING_UP_MS);
  const behind = behindIn(cluster);
  if (cell.policy !== 'lazy') {
    if (behind > 0) throw new Error(`${behind} servers are behind after ${CATCHING_UP_MS} ms`);
    cluster.judge();
  }
  return { ...lossOf(cluster, failedMs), refusing: cluster.refusing, behind };
}

function struckBy({ loss }: Cell, cluster: SyncingCluster): Member[] {
  const all = [...cluster.members.values()];
  const leader = cluster.leader();
  const followers = all.filter((member) => member !== leader);
  if (leader === null) throw new Error('nobody leads when the power fails');
  if (loss === 'all') return all;
  if (loss === 'follower') return followers.slice(0, 1);
  return loss === 'leader' ? [leader] : [leader, ...followers.slice(0, Math.floor(SERVERS / 2))];
}

/** Somebody leads, and all of its log is committed. */
function hasRecovered(cluster: SyncingCluster): boolean {
  const state = cluster.leader()?.raft ?? null;
  return state !== null && state.volatile.commitIndex === lastIndex(state.persistent.log);
}

/** Servers that do not follow the leader to the end of its log; all of them, if nobody leads. */
function behindIn(cluster: SyncingCluster): number {
  const leader = cluster.leader();
  const state = leader?.raft ?? null;
  if (state === null || state.volatile.commitIndex === 0) return SERVERS;
  return [...cluster.members.values()].filter((member) => !isCaughtUp(member, state)).length;
}

function lossOf(
  cluster: SyncingCluster,
  failedMs: number,
): Pick<LossSample, 'acknowledged' | 'lost' | 'oldestMs'> {
  const kept = committedValues(cluster);
  const acknowledged = cluster.clients.history.filter(({ outcome }) => outcome === 'ok');
  const lost = acknowledged.filter(({ value }) => !kept.has(String(value)));
  const oldestNs = lost.reduce(
    (oldest, { return: told }) => Math.min(oldest, told ?? oldest),
    failedMs * NS_PER_MS,
  );
  return {
    acknowledged: acknowledged.length,
    lost: lost.length,
    oldestMs: failedMs - oldestNs / NS_PER_MS,
  };
}

/** Every value that the leader knows to be committed; each was written once. */
function committedValues(cluster: SyncingCluster): Set<string> {
  const values = new Set<string>();
  const state = cluster.leader()?.raft;
  if (state === null || state === undefined) throw new Error('nobody leads in the end');
  const { commitIndex } = state.volatile;
  for (const entry of state.persistent.log.entries) {
    if (entry.kind !== 'command' || entry.index > commitIndex) continue;
    const command = new OperationReader(entry.command);
    while (command.next()) {
      const value = command.value();
      if (value !== null) values.add(decoder.decode(value));
    }
  }
  return values;
}

function drawMs(rng: RandomState, lowMs: number, highMs: number): number {
  return between(rng, lowMs * US_PER_MS, highMs * US_PER_MS) / US_PER_MS;
}
