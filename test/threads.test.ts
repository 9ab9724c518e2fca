/**
 * Shows Raft on real worker threads, end to end: under every fault and with every switch off, each
 * trial ends healed, with its replicas equal, no acknowledged write lost and none applied twice;
 * and where a fault was scheduled, it bit. Trials run one after the other: two cores are few.
 *
 *     npx ava test/threads.test.ts
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { STORAGES } from '../lab/cluster.ts';
import type { Fault, FaultAction } from '../lab/faults.ts';
import type { FaultBand, Row } from '../lab/results.ts';
import { withDefaults } from '../lab/sweep/factors.ts';
import { closeHosts, runCell } from '../lab/threads/run.ts';
import type { Stored } from '../src/storage/storage.ts';
import { PERFECT } from '../src/transport/link.ts';
import { replay, SEED } from './support/property.ts';
import {
  type Factors,
  LIMIT_MS,
  type Loaded,
  leaderOf,
  QUICK,
  start,
  statusOf,
  until,
} from './support/threads-rig.ts';

test.after.always(closeHosts);

// ---- Trials -------------------------------------------------------------------------------------

/** Runs a trial and holds what must hold of any. */
async function trial(
  t: ExecutionContext,
  factors: Factors,
  faults: readonly FaultAction[] = [],
  durationS = 0.4,
): Promise<Row> {
  const cell = {
    factors: withDefaults({ ...QUICK, ...factors }),
    durationS,
    trial: 0,
    seed: SEED,
    faults,
  };
  const row = await runCell(cell, { signal: new AbortController().signal });
  const evidence = `${JSON.stringify(row)}\n${replay(t)}`;
  t.is(row.audit, 'ok', evidence);
  t.is(row.metrics.acknowledgedWritesLost, 0, evidence);
  t.is(row.metrics.writesAppliedTwice, 0, evidence);
  t.true(row.metrics.replicasEqual, evidence);
  t.true(row.metrics.committedOpsPerSecond > 0, evidence);
  t.is(row.metrics.failed + row.metrics.unknown, 0, evidence);
  return row;
}

/**
 * A fault of the leader, and a trial around it: long enough on a busy machine, too, that it is
 * noticed, and that another is elected before the trial is over.
 */
const MISSED_MS = 700;
const MISSED_S = 1.5;

function strike(fault: Fault, forMs: number, atMs = 50): FaultAction {
  return { atMs, forMs, fault };
}

function bandOf(row: Row, kind: FaultBand['kind']): FaultBand {
  const band = row.timeline?.bands.find((one) => one.kind === kind);
  if (band === undefined) throw new Error(`no ${kind} was in force`);
  return band;
}

/** The longest time without a single answer, in whole buckets of the time line. */
function longestGapMs(row: Row): number {
  const { points = [], bucketMs = 0 } = row.timeline ?? {};
  let longest = 0;
  let run = 0;
  for (const { opsPerSecond } of points) {
    run = opsPerSecond === 0 ? run + bucketMs : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

for (const nodes of [1, 2, 3, 5]) {
  test.serial(`${nodes} nodes without faults`, async (t) => {
    const { metrics } = await trial(t, { nodes, readRatio: 0.2 });
    t.is(metrics.messagesDropped, 0);
    t.is(metrics.messagesSent > 0, nodes > 1);
  });
}

test.serial('20 % loss', async (t) => {
  const { metrics } = await trial(t, { loss: 0.2 }, [], 0.8);
  t.true(metrics.messagesDropped > 0);
});

test.serial('20 % loss, 50 % duplication, 25 % reordering with 1 ms of delay', async (t) => {
  const factors = { loss: 0.2, duplicate: 0.5, reorder: 0.25, delayMs: 1 };
  const { metrics } = await trial(t, factors, [], 0.8);
  t.true(metrics.messagesDropped > 0);
  t.true((metrics.latencyMsP50 ?? 0) >= 1, 'a round trip between nodes takes two delays');
});

test.serial('10 % corruption: damage is found, and counts as loss', async (t) => {
  const { metrics } = await trial(t, { corrupt: 0.1 }, [], 0.8);
  t.true(metrics.messagesDropped > 0);
});

test.serial('reads and Zipf keys from an open loop, over links with jitter', async (t) => {
  const rate = 500;
  const { metrics } = await trial(t, { rate, readRatio: 0.5, zipf: 1, jitterMs: 2 }, [], 0.8);
  t.true(metrics.committedOpsPerSecond > rate / 2, `${metrics.committedOpsPerSecond}/s`);
});

test.serial('crash of the leader: another takes over, and it comes back', async (t) => {
  const row = await trial(t, {}, [strike({ kind: 'crash', node: 'leader' }, MISSED_MS)], MISSED_S);
  t.true(row.metrics.leaderChanges >= 1);
  t.is(bandOf(row, 'crash').nodes.length, 1);
  t.true(longestGapMs(row) >= 50, `${longestGapMs(row)} ms without an answer`);
});

test.serial('pause of the leader: another takes over, and it steps down', async (t) => {
  const row = await trial(t, {}, [strike({ kind: 'pause', node: 'leader' }, MISSED_MS)], MISSED_S);
  t.true(row.metrics.leaderChanges >= 1);
  t.true(longestGapMs(row) >= 50, `${longestGapMs(row)} ms without an answer`);
});

test.serial('partition of the leader: the others elect, it loses its lead', async (t) => {
  const fault: Fault = { kind: 'partition', groups: [['leader']] };
  const row = await trial(t, {}, [strike(fault, MISSED_MS)], MISSED_S);
  t.true(row.metrics.leaderChanges >= 1);
  t.true(row.metrics.messagesDropped > 0);
  t.true(longestGapMs(row) >= 50, `${longestGapMs(row)} ms without an answer`);
});

test.serial(
  'crash of the only node: nothing is answered until it is back, all is kept',
  async (t) => {
    const row = await trial(t, { nodes: 1 }, [strike({ kind: 'crash', node: 'leader' }, 250)], 0.8);
    t.true(longestGapMs(row) >= 150, `${longestGapMs(row)} ms without an answer`);
  },
);

test.serial('a link made bad in one direction for a while', async (t) => {
  const settings = { loss: 0.9, delayMs: 3 };
  const fault: Fault = { kind: 'link', from: 'leader', to: '*', settings };
  const row = await trial(t, {}, [strike(fault, MISSED_MS)], MISSED_S);
  t.true(row.metrics.messagesDropped > 0);
  t.is(bandOf(row, 'link').nodes.length, 1);
});

test.serial('all of them together, over bad links', async (t) => {
  const factors = {
    nodes: 5,
    loss: 0.05,
    duplicate: 0.2,
    reorder: 0.25,
    delayMs: 1,
    corrupt: 0.02,
  };
  const row = await trial(
    t,
    factors,
    [
      strike({ kind: 'crash', node: 'leader' }, 350, 20),
      strike({ kind: 'pause', node: 'follower' }, 250, 150),
      strike({ kind: 'partition', groups: [['leader']] }, 250, 450),
    ],
    MISSED_S,
  );
  t.true(row.metrics.leaderChanges >= 1);
  t.true(row.metrics.messagesDropped > 0);
  const kinds = row.timeline?.bands.map(({ kind }) => kind);
  t.deepEqual(kinds, ['crash', 'pause', 'partition']);
});

for (const name of ['preVote', 'checkQuorum', 'stickiness', 'parallelDisk'] as const) {
  test.serial(`${name} off, with 10 % loss and a crash of the leader`, async (t) => {
    const fault: Fault = { kind: 'crash', node: 'leader' };
    const row = await trial(t, { [name]: false, loss: 0.1 }, [strike(fault, MISSED_MS)], MISSED_S);
    t.true(row.metrics.leaderChanges >= 1);
    t.true(row.metrics.messagesDropped > 0);
  });
}

test.serial('random crashes from the seed', async (t) => {
  const row = await trial(t, { crashEveryS: 0.25, nodes: 3 }, [], 0.8);
  t.is(row.timeline, undefined, 'a time line belongs to a schedule');
});

// ---- The cluster itself -------------------------------------------------------------------------

/** Cuts a node off, so that what it says of itself is what it came back with. */
function isolate({ cluster }: Loaded, id: string): void {
  for (const peer of cluster.nodes) {
    if (peer === id) continue;
    cluster.setLink(id, peer, { cut: true });
    cluster.setLink(peer, id, { cut: true });
  }
}

function describe({ currentTerm, votedFor, entries }: Stored): unknown {
  return { currentTerm, votedFor, entries: entries.map(({ index, term }) => [index, term]) };
}

test.serial('a killed node comes back with the term, vote and log of its disk', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const { id, term } = await leaderOf(loaded, 20);
  await cluster.crash(id);
  t.is(cluster.state(id), 'crashed');
  const killed = await cluster.disk(id).read();
  t.true(killed.currentTerm >= term);
  // Elected by its own vote too, unless a stall has ended its lead meanwhile.
  if (killed.currentTerm === term) t.is(killed.votedFor, id);
  t.true(killed.entries.length >= 20);
  isolate(loaded, id);
  cluster.restart(id);
  const back = await until('it answers', () => statusOf(loaded, id));
  t.deepEqual([back.term, back.lastIndex], [killed.currentTerm, killed.entries.length]);
  t.not(back.role, 'leader');
  // Alone it gets no further: PreVote keeps its term, and the disk is as it was.
  t.deepEqual(describe(await cluster.disk(id).read()), describe(killed));
  const others = await leaderOf(loaded, back.lastIndex + 20);
  t.not(others.id, id);
  for (const peer of cluster.nodes) {
    cluster.setLink(id, peer, PERFECT);
    cluster.setLink(peer, id, PERFECT);
  }
  await until('it has caught up', async () => {
    const status = await statusOf(loaded, id);
    return status !== null && status.commitIndex > others.commitIndex ? status : null;
  });
  t.is(cluster.failure, null);
});

test.serial('a crashed follower is gone and missed by nobody, and catches up', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 5);
  const id = cluster.nodes.find((node) => node !== leader.id) ?? '';
  await cluster.crash(id);
  const left = await cluster.status();
  t.false(left.some((status) => status.id === id));
  const before = (await cluster.disk(id).read()).entries.length;
  const further = await leaderOf(loaded, before + 50);
  t.is((await cluster.disk(id).read()).entries.length, before, 'a dead thread writes nothing');
  cluster.restart(id);
  await until('it has caught up', async () => {
    const status = await statusOf(loaded, id);
    return status !== null && status.commitIndex > further.commitIndex ? status : null;
  });
  t.is(cluster.failure, null);
});

for (const storage of STORAGES) {
  test.serial(
    `killed again and again under load, a node on ${storage} loses nothing`,
    async (t) => {
      const loaded = start(t, { nodes: 1, outstanding: 64, storage });
      const { cluster } = loaded;
      let before = await cluster.disk('n1').read();
      for (let i = 0; i < 5; i++) {
        await leaderOf(loaded, before.entries.length + 10);
        await cluster.crash('n1');
        const after = await cluster.disk('n1').read();
        t.true(after.entries.length > before.entries.length);
        t.true(after.currentTerm > before.currentTerm);
        before.entries.forEach((entry, at) => {
          if (after.entries[at]?.term !== entry.term) t.fail(`entry ${at + 1} has changed`);
        });
        t.true(after.entries.every(({ index }, at) => index === at + 1));
        before = after;
        cluster.restart('n1');
      }
      t.is(cluster.failure, null);
    },
  );
}

test.serial('a paused node stands still, keeps its place, and goes on', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 5);
  cluster.pause(leader.id);
  t.is(cluster.state(leader.id), 'paused');
  const next = await leaderOf(loaded, leader.commitIndex + 20);
  t.not(next.id, leader.id);
  t.true(next.term > leader.term);
  const disk = await cluster.disk(leader.id).read();
  const later = await leaderOf(loaded, next.commitIndex + 20);
  t.deepEqual(describe(await cluster.disk(leader.id).read()), describe(disk));
  cluster.resume(leader.id);
  await until('it follows', async () => {
    const status = await statusOf(loaded, leader.id);
    return status !== null && status.commitIndex > later.commitIndex ? status : null;
  });
  t.is((await statusOf(loaded, leader.id))?.leaderId, cluster.leaderId);
});

test.serial('a paused node can be killed', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 5);
  cluster.pause(leader.id);
  await cluster.crash(leader.id);
  const next = await leaderOf(loaded, leader.commitIndex + 20);
  t.not(next.id, leader.id);
  cluster.restart(leader.id);
  await until('it is back', async () => {
    const status = await statusOf(loaded, leader.id);
    return status !== null && status.commitIndex > next.commitIndex ? status : null;
  });
});

test.serial('two partitions of two: neither commits, and healed they do', async (t) => {
  const loaded = start(t, { nodes: 4 });
  const { cluster } = loaded;
  await leaderOf(loaded, 5);
  const groupOf = (id: string): boolean => id === 'n1' || id === 'n2';
  const pairs = cluster.nodes.flatMap((a) =>
    cluster.nodes.filter((b) => groupOf(a) !== groupOf(b)).map((b) => [a, b] as const),
  );
  for (const [a, b] of pairs) cluster.setLink(a, b, { cut: true });
  const stuck = await until('CheckQuorum ends every lead', async () => {
    const statuses = await cluster.status();
    return statuses.some(({ role }) => role === 'leader') ? null : statuses;
  });
  const highest = Math.max(...stuck.map(({ lastIndex }) => lastIndex));
  const committed = Math.max(...stuck.map(({ commitIndex }) => commitIndex));
  const still = await cluster.status();
  t.true(still.every(({ commitIndex }) => commitIndex <= committed));
  for (const [a, b] of pairs) cluster.setLink(a, b, PERFECT);
  const leader = await leaderOf(loaded, highest);
  t.true(leader.term > Math.max(...stuck.map(({ term }) => term)) - 1);
  t.true(cluster.counters.messagesDropped > 0);
});

// ---- The end of a run ---------------------------------------------------------------------------

test.serial('an aborted run rejects, and the next one is none the worse', async (t) => {
  const controller = new AbortController();
  const cell = {
    factors: withDefaults({ ...QUICK, nodes: 3, crashEveryS: 0.3, pauseEveryS: 0.3 }),
    durationS: 60,
    trial: 0,
    seed: SEED,
    faults: [],
  };
  const run = runCell(cell, { signal: controller.signal });
  setTimeout(() => controller.abort(), 1000);
  const error = await t.throwsAsync(run);
  t.is(error?.name, 'AbortError');
  await trial(t, { nodes: 3 }, [], 0.3);
});

test.serial('a run aborted before it begins rejects as well', async (t) => {
  const cell = { factors: withDefaults(QUICK), durationS: 1, trial: 0, seed: SEED, faults: [] };
  const error = await t.throwsAsync(runCell(cell, { signal: AbortSignal.abort() }));
  t.is(error?.name, 'AbortError');
});

test.serial('a process that aborts a run ends by itself: no thread is left hanging', async (t) => {
  const file = fileURLToPath(new URL('./support/aborted-run.ts', import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const limit = setTimeout(() => child.kill(), LIMIT_MS);
  const [code] = await once(child, 'close');
  clearTimeout(limit);
  t.is(Buffer.concat(output).toString(), 'AbortError\n');
  t.is(code, 0, 'a process that had to be killed has no code');
});
