/**
 * Shows what an operator can do to a cluster of threads under load: servers come and go, take each
 * other's lead, lose their disks and come back as others, and catch up by a snapshot where the log
 * is gone. Each time the audit holds.
 *
 *     npx ava test/threads-operations.test.ts
 */
import test, { type ExecutionContext } from 'ava';
import { withDefaults } from '../lab/sweep/factors.ts';
import type { KnownMembership, NodeOperation, Status } from '../lab/threads/node-orders.ts';
import { Operator } from '../lab/threads/operator.ts';
import { closeHosts, runCell } from '../lab/threads/run.ts';
import type { Answer, Refusal } from '../src/raft/types.ts';
import { replay, SEED } from './support/property.ts';
import {
  appliedBeyond,
  type Loaded,
  leaderOf,
  QUICK,
  start,
  statusOf,
  until,
} from './support/threads-rig.ts';

test.after.always(closeHosts);

const DONE: Answer = { kind: 'done' };

/** Little enough that a run of a second takes many snapshots, and most of the log is gone. */
const COMPACTING = { snapshotEntries: 40, keptEntries: 5, chunkBytes: 512 };

async function auditHolds(t: ExecutionContext, loaded: Loaded): Promise<void> {
  t.is(loaded.cluster.failure, null);
  const verdict = await loaded.audit();
  t.is(verdict.audit, 'ok', replay(t));
  t.true(verdict.replicasEqual);
}

function committed({ cluster }: Loaded): Promise<KnownMembership['configuration']> {
  return until('the configuration is committed', () => {
    const { configuration, isCommitted } = cluster.membership;
    return isCommitted ? configuration : null;
  });
}

/** A node, once it has applied all that is committed by now. */
async function caughtUp(loaded: Loaded, id: string): Promise<Status> {
  const { commitIndex } = await leaderOf(loaded);
  return appliedBeyond(loaded, id, commitIndex);
}

function belongs({ configuration }: Status, name: string): boolean {
  return configuration.voters.includes(name);
}

// ---- Membership ---------------------------------------------------------------------------------

test.serial('a spare that joins under load becomes a voter and has all there is', async (t) => {
  const loaded = start(t, { nodes: 3 }, 1);
  const { cluster } = loaded;
  await leaderOf(loaded, 50);
  const before = await until('the spare answers', () => statusOf(loaded, 'n4'));
  t.deepEqual(before.configuration.voters, []);
  t.is(before.lastIndex, 0, 'it belongs to nobody, and is sent nothing');
  t.deepEqual(await cluster.operator.join('n4'), DONE);
  t.deepEqual((await committed(loaded)).voters.toSorted(), ['n1', 'n2', 'n3', 'n4']);
  const joined = await caughtUp(loaded, 'n4');
  t.true(belongs(joined, 'n4'));
  await auditHolds(t, loaded);
});

test.serial(
  'as a voter at once it is counted before it has anything, and catches up',
  async (t) => {
    const loaded = start(t, { nodes: 3 }, 1);
    await leaderOf(loaded, 50);
    t.deepEqual(await loaded.cluster.operator.joinBlank('n4'), DONE);
    t.true(belongs(await caughtUp(loaded, 'n4'), 'n4'));
    await auditHolds(t, loaded);
  },
);

test.serial('a learner has all there is and no vote', async (t) => {
  const loaded = start(t, { nodes: 1 }, 1);
  const { cluster } = loaded;
  const { commitIndex } = await leaderOf(loaded, 50);
  t.deepEqual(await cluster.operator.learn('n2'), DONE);
  const { voters, learners } = (await caughtUp(loaded, 'n2')).configuration;
  t.deepEqual([voters, learners], [['n1'], ['n2']]);
  await cluster.crash('n2');
  // The one voter is a majority by itself.
  await leaderOf(loaded, commitIndex + 50);
  await cluster.restart('n2');
  await auditHolds(t, loaded);
});

test.serial('a leader that leaves hands over; the others go on without it', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 20);
  t.deepEqual(await cluster.operator.leave(leader.id), DONE);
  const next = await until('another leads', async () => {
    const found = await leaderOf(loaded, leader.commitIndex + 20);
    return found.id === leader.id ? null : found;
  });
  t.false(belongs(next, leader.id));
  t.is(next.configuration.voters.length, 2);
  t.true((await statusOf(loaded, leader.id))?.role !== 'leader');
  await auditHolds(t, loaded);
});

test.serial('the last voter cannot leave', async (t) => {
  const loaded = start(t, { nodes: 1 });
  await leaderOf(loaded, 5);
  const refused = { kind: 'rejected', reason: 'lastVoter', leaderId: 'n1' } as const;
  t.deepEqual(await loaded.cluster.operator.leave('n1'), refused);
});

test.serial('leadership goes where it is handed, and nowhere that has no vote', async (t) => {
  const loaded = start(t, { nodes: 3 }, 1);
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 20);
  const to = cluster.nodes.find((id) => id !== leader.id && id !== 'n4') ?? '';
  t.deepEqual(await cluster.operator.transfer(to), DONE);
  const next = await leaderOf(loaded, leader.commitIndex + 20);
  t.is(next.id, to);
  const answer = await cluster.operator.transfer('n4');
  t.is(answer?.kind === 'rejected' ? answer.reason : answer?.kind, 'notVoter');
  await auditHolds(t, loaded);
});

// ---- A lost disk --------------------------------------------------------------------------------

test.serial('a server without its disk is a stranger, until it takes its place anew', async (t) => {
  const loaded = start(t, { nodes: 3 });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 30);
  const id = cluster.nodes.find((node) => node !== leader.id) ?? '';
  await cluster.wipe(id);
  const name = `${id}#2`;
  t.is(cluster.name(id), name);
  const stranger = await until('it answers', () => statusOf(loaded, id));
  t.is(stranger.name, name);
  t.deepEqual([stranger.lastIndex, stranger.configuration.voters], [0, []]);
  await leaderOf(loaded, leader.commitIndex + 50);
  t.is((await statusOf(loaded, id))?.lastIndex, 0, 'what is for the one before it does not take');
  t.deepEqual(await cluster.operator.join(id), DONE);
  const back = await caughtUp(loaded, id);
  t.true(belongs(back, name));
  t.false(belongs(back, id), 'its old name has left in the same change');
  // It keeps its name as long as its disk.
  await cluster.crash(id);
  await cluster.restart(id);
  t.is((await until('it answers', () => statusOf(loaded, id))).name, name);
  await auditHolds(t, loaded);
});

// ---- Snapshots ----------------------------------------------------------------------------------

test.serial('a node that was down while the log was compacted gets a snapshot', async (t) => {
  const loaded = start(t, { nodes: 3, ...COMPACTING });
  const { cluster } = loaded;
  const leader = await leaderOf(loaded, 10);
  const id = cluster.nodes.find((node) => node !== leader.id) ?? '';
  await cluster.crash(id);
  const end = await cluster.disk(id).read();
  const lastIndex = end.baseIndex + end.entries.length;
  const compacted = await until('its entries are gone', async () => {
    const found = await leaderOf(loaded);
    return found.baseIndex > lastIndex + 50 ? found : null;
  });
  t.true(compacted.lastIndex - compacted.baseIndex < compacted.lastIndex / 2);
  await cluster.restart(id);
  const back = await appliedBeyond(loaded, id, compacted.commitIndex);
  t.true(back.snapshotIndex > lastIndex);
  await auditHolds(t, loaded);
});

test.serial('a node starts from its snapshot and the rest of its log', async (t) => {
  const loaded = start(t, { nodes: 1, snapshotEntries: 1_000_000, keptEntries: 0 });
  const { cluster } = loaded;
  const { commitIndex } = await leaderOf(loaded, 50);
  t.deepEqual(await cluster.operator.snapshot('n1'), DONE);
  const { snapshotIndex, baseIndex } = await until('it answers', () => statusOf(loaded, 'n1'));
  t.true(snapshotIndex >= commitIndex);
  t.is(baseIndex, snapshotIndex, 'nothing is kept that the snapshot covers');
  t.is(cluster.snapshots.filter(({ toUs }) => toUs !== null).length, 1);
  await leaderOf(loaded, snapshotIndex + 20);
  await cluster.crash('n1');
  await cluster.restart('n1');
  const back = await appliedBeyond(loaded, 'n1', snapshotIndex + 20);
  t.is(back.snapshotIndex, snapshotIndex);
  await auditHolds(t, loaded);
});

test.serial('a spare joins a cluster whose log begins late', async (t) => {
  const loaded = start(t, { nodes: 3, ...COMPACTING }, 1);
  await until('its log begins late', async () => {
    const found = await leaderOf(loaded);
    return found.baseIndex > 100 ? found : null;
  });
  t.deepEqual(await loaded.cluster.operator.join('n4'), DONE);
  const joined = await caughtUp(loaded, 'n4');
  t.true(joined.baseIndex > 0 && belongs(joined, 'n4'));
  await auditHolds(t, loaded);
});

test.serial('a trial whose logs are compacted is audited by counts', async (t) => {
  const faults = [{ atMs: 50, forMs: 200, fault: { kind: 'crash', node: 'leader' } }] as const;
  const factors = withDefaults({ ...QUICK, ...COMPACTING, nodes: 3, loss: 0.05 });
  const cell = { factors, durationS: 0.6, trial: 0, seed: SEED, faults };
  const row = await runCell(cell, { signal: new AbortController().signal });
  t.is(row.audit, 'ok', replay(t));
  t.is(row.auditedBy, 'counts');
  t.true(row.metrics.replicasEqual);
});

// ---- The operator -------------------------------------------------------------------------------

/** Answers in turn; the last one for ever. */
function operatorOf(answers: readonly (Answer | null)[], leaderId: string | null = 'n1') {
  const asked: NodeOperation[] = [];
  const operator = new Operator({
    leaderId,
    state: (id) => (id === 'n9' ? 'crashed' : 'running'),
    name: (id) => `${id}#${asked.length + 1}`,
    operate: (_, operation) => {
      asked.push(operation);
      return Promise.resolve(answers[Math.min(asked.length, answers.length) - 1] ?? null);
    },
  });
  return { operator, asked };
}

function refusal(reason: Refusal): Answer {
  return { kind: 'rejected', reason, leaderId: null };
}

test('what passes is waited for, and the server asked for as it is called then', async (t) => {
  const passing = [
    'notLeader',
    'leadLost',
    'changeInProgress',
    'notReady',
    'transferring',
  ] as const;
  const { operator, asked } = operatorOf([...passing.map(refusal), null, DONE]);
  t.deepEqual(await operator.join('n4'), DONE);
  const names = asked.map((operation) => (operation.kind === 'join' ? operation.name : ''));
  t.deepEqual(names, ['n4#1', 'n4#2', 'n4#3', 'n4#4', 'n4#5', 'n4#6', 'n4#7']);
});

test('a refusal that will not pass is the answer', async (t) => {
  for (const reason of ['notVoter', 'lastVoter', 'otherIncarnation', 'catchUpTimeout'] as const) {
    const { operator, asked } = operatorOf([refusal(reason), DONE]);
    t.deepEqual(await operator.transfer('n2'), refusal(reason));
    t.is(asked.length, 1);
  }
});

test('patience ends: with the last refusal, or with nothing where nobody answers', async (t) => {
  const busy = refusal('changeInProgress');
  t.deepEqual(await operatorOf([busy]).operator.leave('n2', 250), busy);
  t.is(await operatorOf([null]).operator.leave('n2', 250), null);
  t.is(await operatorOf([DONE], null).operator.leave('n2', 250), null);
  t.is(await operatorOf([DONE], 'n9').operator.learn('n2', 250), null);
  t.is(await operatorOf([DONE]).operator.snapshot('n9', 250), null);
});

test('an operator that was told to end asks no more', async (t) => {
  const { operator, asked } = operatorOf([refusal('notReady')]);
  const answer = operator.join('n4');
  operator.end();
  await answer;
  t.true(asked.length <= 1);
});
