/**
 * Shows that a cluster of a study is settled when all servers that are up follow one leader, and
 * that a crash counts the terms since the leader's own, whoever has run ahead of it.
 *
 *     npx ava test/study-failover.test.ts
 */
import test from 'ava';
import {
  beginWith,
  CampaignCluster,
  crashLeader,
  serverAt,
  settingsOfRules,
  settle,
} from '../lab/study/failover.ts';

const HEARTBEAT_MS = 50;

/** The first of five servers leads, and all others follow it. */
function settled(seed: number): CampaignCluster {
  const settings = { ...settingsOfRules('plain'), heartbeatMs: HEARTBEAT_MS };
  const cluster = new CampaignCluster({ seed, nodes: 5, settings }, () => null);
  beginWith(cluster, serverAt(cluster, 0));
  settle(cluster);
  return cluster;
}

/** The last server hears nobody, and nobody hears it. */
function cutOff(cluster: CampaignCluster): void {
  const others = ['n1', 'n2', 'n3', 'n4'];
  cluster.inject({ kind: 'partition', groups: [others, ['n5']] });
}

test('a server that is down does not keep a cluster from being settled', (t) => {
  const cluster = settled(1);
  t.true(cluster.isSettled());
  cluster.crash(cluster.member('n5'));
  t.true(cluster.isSettled());
  cluster.start(cluster.member('n5'));
  t.false(cluster.isSettled());
  settle(cluster);
  t.true(cluster.isSettled());
});

test('a server that is up and does not follow does', (t) => {
  const cluster = settled(1);
  cutOff(cluster);
  cluster.runUntil(cluster.nowMs + 1000);
  t.false(cluster.isSettled());
});

test('a cluster without a leader is not settled', (t) => {
  const cluster = settled(1);
  cluster.crash(cluster.member('n1'));
  t.false(cluster.isSettled());
});

test('terms are counted from that of the leader, though a rival has run ahead', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = settled(seed);
    const term = cluster.elections.at(-1)?.term ?? 0;
    cutOff(cluster);
    cluster.runUntil(cluster.nowMs + 2000);
    t.true(cluster.highestTerm() > term + 2, `seed ${seed}`);
    const failover = crashLeader(cluster, seed, HEARTBEAT_MS);
    t.is(failover.victim, 'n1', `seed ${seed}`);
    t.is(failover.terms, (cluster.elections.at(-1)?.term ?? 0) - term, `seed ${seed}`);
    t.true(failover.terms >= 1, `seed ${seed}`);
  }
});
