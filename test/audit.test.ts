/**
 * Shows that the audit has teeth: evidence made by hand, one thing wrong at a time, is complained
 * of by name, and evidence with nothing wrong is `ok`.
 *
 *     npx ava test/audit.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import type { Acknowledged } from '../lab/acknowledged.ts';
import { audit, type Evidence } from '../lab/audit.ts';
import type { Status } from '../lab/threads/node-orders.ts';
import type { OperationKind } from '../src/command.ts';
import { Kv, SESSION_BOUNDS } from '../src/kv.ts';
import type { Entry } from '../src/raft/types.ts';
import { always } from './support/property.ts';
import { batchOf, by, type Command, operation } from './support/records.ts';

const NODES = ['n1', 'n2', 'n3'];

function put(clientId: number, requestNumber: number, lowestPending = 1): Command {
  return [operation('put', 'k', `v${requestNumber}`), by(clientId, requestNumber, lowestPending)];
}

function logOf(...batches: readonly (readonly Command[])[]): Entry[] {
  const noop: Entry = { index: 1, term: 3, kind: 'noop' };
  return [
    noop,
    ...batches.map((commands, i): Entry => {
      return { index: i + 2, term: 3, kind: 'command', command: batchOf(commands) };
    }),
  ];
}

/** What each client was told of, those of client 1 first. */
function toldTo(...clients: readonly Uint8Array[]): Acknowledged {
  return new Map(clients.map((told, i) => [i + 1, told]));
}

/** Request numbers as the recorder notes them. */
function told(...requestNumbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(64);
  for (const requestNumber of requestNumbers) bytes[requestNumber] = 1;
  return bytes;
}

/** What a state machine holds that has executed a log. */
function contentOf(log: readonly Entry[]): string {
  const kv = new Kv();
  for (const entry of log) {
    if (entry.kind === 'command') kv.apply(entry.index, entry.command, null);
  }
  return kv.contentDigest();
}

function statusOf(id: string, log: readonly Entry[], executed: number, digest = 'd'): Status {
  return {
    id,
    name: id,
    role: id === 'n2' ? 'leader' : 'follower',
    term: 3,
    leaderId: 'n2',
    configuration: { voters: NODES, outgoing: [], learners: [] },
    commitIndex: log.length,
    lastApplied: log.length,
    lastIndex: log.length,
    baseIndex: 0,
    snapshotIndex: 0,
    logBytes: null,
    executed,
    executedBy: null,
    sessions: 2,
    digest,
    contentDigest: contentOf(log),
    heapBytes: 1,
    bufferBytes: 1,
  };
}

/** A disk with the log from its first entry on. */
function diskOf(entries: readonly Entry[]): Evidence['disks'][number] {
  return { baseIndex: 0, baseTerm: 0, entries: [...entries], snapshot: null };
}

const LOG = logOf([put(1, 1), put(1, 2)], [put(2, 1), put(1, 2)], [put(1, 3, 3)]);
/** Of the five commands the second copy of request 2 takes no effect. */
const EXECUTED = 4;
const CLEAN: Evidence = {
  statuses: NODES.map((id) => statusOf(id, LOG, EXECUTED)),
  disks: NODES.map(() => diskOf(LOG)),
  acknowledged: toldTo(told(1, 2, 3), told(1)),
  issued: new Map([
    [1, 3],
    [2, 1],
  ]),
  sessionsMax: SESSION_BOUNDS.sessionsMax,
  members: NODES,
};

/** The evidence with other words from one node. */
function withStatus(id: string, change: Partial<Status>): Evidence {
  const statuses = CLEAN.statuses.map((s) => (s.id === id ? { ...s, ...change } : s));
  return { ...CLEAN, statuses };
}

const CLEAN_VERDICT = {
  acknowledgedWritesLost: 0,
  writesAppliedTwice: 0,
  replicasEqual: true,
  auditedBy: 'log',
  audit: 'ok',
} as const;

test('nothing wrong is ok', (t) => {
  t.deepEqual(audit(CLEAN), CLEAN_VERDICT);
  const blank = logOf();
  t.deepEqual(
    audit({
      ...CLEAN,
      statuses: [{ ...statusOf('n2', blank, 0) }],
      disks: [diskOf(blank)],
      acknowledged: new Map(),
      members: ['n2'],
    }),
    CLEAN_VERDICT,
    'one node, no load',
  );
});

test('what was executed and never acknowledged is no fault', (t) => {
  t.deepEqual(audit({ ...CLEAN, acknowledged: toldTo(told(), told()) }), CLEAN_VERDICT);
});

test('an acknowledged write that is in no log is lost', (t) => {
  const verdict = audit({ ...CLEAN, acknowledged: toldTo(told(1, 2, 3, 4), told(1, 2)) });
  t.is(verdict.acknowledgedWritesLost, 2);
  t.regex(verdict.audit, /2 acknowledged writes are not in the committed log/);
});

test('an acknowledged write of a client nobody has heard of is lost', (t) => {
  const verdict = audit({ ...CLEAN, acknowledged: toldTo(told(1, 2, 3), told(1), told(7)) });
  t.is(verdict.acknowledgedWritesLost, 1);
});

test('an acknowledged write that is in the logs and not committed is lost', (t) => {
  const statuses = CLEAN.statuses.map((s) => ({ ...s, commitIndex: 3, lastApplied: 3 }));
  const verdict = audit({ ...CLEAN, statuses: statuses.map((s) => ({ ...s, executed: 3 })) });
  t.is(verdict.acknowledgedWritesLost, 1);
});

test('an acknowledged write whose turn had passed when it was logged is lost', (t) => {
  // The client had said that it waits for nothing below 3 before request 2 came.
  const log = logOf([put(1, 1)], [put(1, 3, 3)], [put(1, 2, 1)]);
  const verdict = audit({
    ...CLEAN,
    disks: NODES.map(() => diskOf(log)),
    statuses: NODES.map((id) => statusOf(id, log, 2)),
    acknowledged: toldTo(told(1, 2, 3)),
  });
  t.is(verdict.acknowledgedWritesLost, 1);
});

test('a retry executed twice is found on whichever node it happened', (t) => {
  for (const id of NODES) {
    const verdict = audit(withStatus(id, { executed: EXECUTED + 2 }));
    t.is(verdict.writesAppliedTwice, 2);
    t.regex(verdict.audit, new RegExp(`${id} has executed 6 commands where 4 take effect`));
  }
});

test('a command that was not executed is found too', (t) => {
  const verdict = audit(withStatus('n3', { executed: EXECUTED - 1 }));
  t.is(verdict.writesAppliedTwice, 0);
  t.regex(verdict.audit, /n3 has executed 3 commands where 4 take effect/);
});

test('states that differ at the same index are found', (t) => {
  for (const id of NODES) {
    const verdict = audit(withStatus(id, { digest: 'other' }));
    t.false(verdict.replicasEqual);
    t.regex(verdict.audit, /differ in state at index 4/);
  }
});

test('a replica that has applied less is not equal', (t) => {
  const verdict = audit(withStatus('n3', { lastApplied: 3 }));
  t.false(verdict.replicasEqual);
  t.regex(verdict.audit, /n3 has applied 3 and n1 4/);
});

test('committed logs that differ are found: in a command, a term, a kind, or a length', (t) => {
  const last = LOG[3] as Entry;
  const others: Entry[] = [
    { index: 4, term: 3, kind: 'command', command: batchOf([put(1, 4, 3)]) },
    { ...last, term: 2 },
    { index: 4, term: 3, kind: 'noop' },
  ];
  for (const other of others) {
    const disks = [LOG, LOG, [...LOG.slice(0, 3), other]].map(diskOf);
    t.regex(audit({ ...CLEAN, disks }).audit, /entry 4 of n3 differs/);
  }
  const short = audit({ ...CLEAN, disks: [LOG, LOG.slice(0, 3), LOG].map(diskOf) });
  t.regex(short.audit, /n2 has 3 of 4 committed entries/);
});

test('what stands behind the committed part may differ', (t) => {
  const other: Entry = { index: 5, term: 3, kind: 'noop' };
  const disks = [LOG, [...LOG, other], LOG].map(diskOf);
  t.deepEqual(audit({ ...CLEAN, disks }), CLEAN_VERDICT);
});

test('one leader is expected, and all must follow it', (t) => {
  const two = audit(withStatus('n1', { role: 'leader' }));
  t.regex(two.audit, /one leader is expected, there are 2: n1 in term 3, n2 in term 3/);
  const none = audit(withStatus('n2', { role: 'candidate' }));
  t.regex(none.audit, /one leader is expected, there are 0$/);
  const lost = audit(withStatus('n3', { leaderId: null }));
  t.regex(lost.audit, /n3 follows nobody in term 3, not n2/);
  const ahead = audit(withStatus('n1', { term: 4 }));
  t.regex(ahead.audit, /n1 follows n2 in term 4, not n2/);
});

test('a node that did not come back is named', (t) => {
  const verdict = audit({
    ...CLEAN,
    statuses: CLEAN.statuses.slice(0, 2),
    disks: CLEAN.disks.slice(0, 2),
  });
  t.false(verdict.replicasEqual);
  t.regex(verdict.audit, /n3 did not come back/);
  const nobody = audit({ ...CLEAN, statuses: [], disks: [] });
  t.false(nobody.replicasEqual);
  t.is(nobody.acknowledgedWritesLost, 4);
  t.regex(nobody.audit, /n1, n2, n3 did not come back/);
});

test('several faults are all told', (t) => {
  const evidence = withStatus('n3', { digest: 'other', executed: 9, role: 'leader' });
  const verdict = audit({ ...evidence, acknowledged: toldTo(told(20)) });
  t.is(verdict.audit.split('; ').length, 4);
});

const entries = fc.array(
  fc.array(
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2000 }), fc.nat({ max: 30 }))
      .map(([clientId, number, behind]) => put(clientId, number, Math.max(1, number - behind))),
    { minLength: 1, maxLength: 6 },
  ),
  { maxLength: 20 },
);

test('the audit counts effects as the state machine does, by a model of its own', (t) => {
  always(
    t,
    fc.property(entries, (batches) => {
      const log = logOf(...batches);
      const kv = new Kv();
      for (const entry of log) {
        if (entry.kind === 'command') kv.apply(entry.index, entry.command, null);
      }
      const { executed } = kv.counters;
      const digest = kv.digest();
      const { audit: sentence } = audit({
        ...CLEAN,
        statuses: NODES.map((id) => statusOf(id, log, executed, digest)),
        disks: NODES.map(() => diskOf(log)),
        acknowledged: new Map(),
      });
      if (sentence !== 'ok') throw new Error(sentence);
    }),
    300,
  );
});

test('a node that is behind is judged by what it has applied', (t) => {
  const behind = { commitIndex: 3, lastApplied: 3, executed: 3, contentDigest: 'of index 3' };
  const verdict = audit(withStatus('n1', behind));
  t.is(verdict.acknowledgedWritesLost, 0);
  t.is(verdict.writesAppliedTwice, 0);
  t.is(verdict.audit, 'n2 has applied 4 and n1 3; n3 has applied 4 and n1 3');
});

test('a node that holds something else than its log makes is found', (t) => {
  const statuses = CLEAN.statuses.map((status) => ({ ...status, contentDigest: '1:bad' }));
  t.regex(audit({ ...CLEAN, statuses }).audit, /n1 holds 1:bad, its log makes /);
});

test('the model of the audit agrees with the state machine on every operation', (t) => {
  const of = (
    kind: OperationKind,
    number: number,
    value: string | null = null,
    expected: string | null = null,
  ): Command => [operation(kind, `k${number % 3}`, value, expected), by(1, number)];
  const kinds = ['put', 'create', 'update', 'delete', 'cas', 'create', 'cas', 'get'] as const;
  const commands = Array.from({ length: 64 }, (_, i) => {
    const value = i % 5 === 0 ? null : `v${i}`;
    return of(
      kinds[(i * 7) % kinds.length] ?? 'get',
      i + 1,
      value,
      i % 2 === 0 ? null : `v${i - 3}`,
    );
  });
  const log = logOf(...commands.map((command) => [command]));
  const verdict = audit({
    ...CLEAN,
    statuses: NODES.map((id) => statusOf(id, log, 64)),
    disks: NODES.map(() => diskOf(log)),
    acknowledged: new Map(),
  });
  t.is(verdict.audit, 'ok');
});

// ---- Memberships that change --------------------------------------------------------------------

test('who does not belong is not missed, and need not be up to date', (t) => {
  const left = { ...statusOf('n4', LOG.slice(0, 3), 3), leaderId: null, term: 1 };
  const spare = { ...statusOf('n5', [], 0), leaderId: null, term: 0 };
  const verdict = audit({
    ...CLEAN,
    statuses: [...CLEAN.statuses, left, spare],
    disks: [...CLEAN.disks, diskOf(LOG.slice(0, 3)), diskOf([])],
  });
  t.deepEqual(verdict, CLEAN_VERDICT);
});

test('what it has executed and holds must be right all the same', (t) => {
  const left = { ...statusOf('n4', LOG.slice(0, 3), 4), leaderId: null, term: 1 };
  const other: Entry = { index: 2, term: 1, kind: 'noop' };
  const verdict = audit({
    ...CLEAN,
    statuses: [...CLEAN.statuses, left],
    disks: [...CLEAN.disks, diskOf([LOG[0] as Entry, other, LOG[2] as Entry])],
  });
  t.regex(verdict.audit, /entry 2 of n4 differs from others'/);
  t.regex(verdict.audit, /n4 has executed 4 commands where 3 take effect/);
});

test('a server on a new disk is another than the member that lost it', (t) => {
  const members = ['n1', 'n2', 'n3#2'];
  const wiped = audit({ ...CLEAN, members });
  t.regex(wiped.audit, /n3#2 did not come back/);
  const statuses = CLEAN.statuses.map((s) => (s.id === 'n3' ? { ...s, name: 'n3#2' } : s));
  t.deepEqual(audit({ ...CLEAN, members, statuses }), CLEAN_VERDICT);
});

// ---- Logs that were compacted -------------------------------------------------------------------

/** A disk whose log begins behind entry `baseIndex`, with a snapshot of all up to there. */
function compacted(log: readonly Entry[], baseIndex: number, term = 3): Evidence['disks'][number] {
  const configuration = { index: 0, configuration: { voters: NODES, outgoing: [], learners: [] } };
  const snapshot = { index: baseIndex, term, configuration };
  return { baseIndex, baseTerm: term, entries: log.slice(baseIndex), snapshot };
}

const EXECUTED_BY: ReadonlyMap<number, number> = new Map([
  [1, 3],
  [2, 1],
]);

const COUNTED: Evidence = {
  ...CLEAN,
  statuses: CLEAN.statuses.map((status) => ({ ...status, executedBy: EXECUTED_BY })),
  disks: NODES.map(() => compacted(LOG, 2)),
};

/** The evidence with other counts of all nodes. */
function countedAs(executedBy: ReadonlyMap<number, number>, change: Partial<Status> = {}) {
  const statuses = COUNTED.statuses.map((status) => ({ ...status, ...change, executedBy }));
  return audit({ ...COUNTED, statuses });
}

test('where all logs are compacted, counts are audited, and the verdict says so', (t) => {
  t.deepEqual(audit(COUNTED), { ...CLEAN_VERDICT, auditedBy: 'counts' });
});

test('one disk with all of the log is enough to audit by it', (t) => {
  const disks = [compacted(LOG, 2), compacted(LOG, 3), diskOf(LOG)];
  t.deepEqual(audit({ ...COUNTED, disks }), CLEAN_VERDICT);
});

test('a log that ends where a compacted one has begun is all of the log with it', (t) => {
  const short = { ...statusOf('n4', LOG.slice(0, 2), 2), term: 1 };
  const verdict = audit({
    ...COUNTED,
    statuses: [short, ...COUNTED.statuses],
    disks: [diskOf(LOG.slice(0, 2)), ...COUNTED.disks],
  });
  t.deepEqual(verdict, CLEAN_VERDICT);
});

test('a log that ends before the others begin is not', (t) => {
  const short = { ...statusOf('n4', LOG.slice(0, 1), 0), term: 1 };
  const verdict = audit({
    ...COUNTED,
    statuses: [short, ...COUNTED.statuses],
    disks: [diskOf(LOG.slice(0, 1)), ...COUNTED.disks],
  });
  t.deepEqual(verdict, { ...CLEAN_VERDICT, auditedBy: 'counts' });
});

test('fewer requests executed than a client was told of are lost', (t) => {
  const verdict = countedAs(new Map([[1, 1]]));
  t.is(verdict.acknowledgedWritesLost, 3);
  t.regex(verdict.audit, /n1 has executed 1 requests of client 1, who was told of 3/);
  t.regex(verdict.audit, /n1 has executed 0 requests of client 2, who was told of 1/);
});

test('a session that may have expired has taken its count with it', (t) => {
  const some = new Map([[1, 3]]);
  t.is(countedAs(some).acknowledgedWritesLost, 1);
  const full = { sessions: SESSION_BOUNDS.sessionsMax };
  t.is(countedAs(some, full).audit, 'ok');
});

test('more requests executed than a client issued were applied twice', (t) => {
  const verdict = countedAs(new Map([...EXECUTED_BY, [1, 5]]));
  t.is(verdict.writesAppliedTwice, 2);
  t.regex(verdict.audit, /n3 has executed 5 requests of client 1, who issued 3/);
});

test('counts of all commands that differ at the same index are found', (t) => {
  const statuses = COUNTED.statuses.map((s) => (s.id === 'n3' ? { ...s, executed: 9 } : s));
  const verdict = audit({ ...COUNTED, statuses });
  t.is(verdict.audit, 'n3 has executed 9 commands and n1 4');
});

test('what compacted disks still hold must match: entries, bases and snapshots', (t) => {
  const other: Entry = { index: 4, term: 3, kind: 'noop' };
  const withEntry = { ...compacted(LOG, 2), entries: [LOG[2] as Entry, other] };
  const entry = audit({ ...COUNTED, disks: [compacted(LOG, 2), compacted(LOG, 2), withEntry] });
  t.regex(entry.audit, /entry 4 of n3 differs from others'/);
  const base = audit({ ...COUNTED, disks: [compacted(LOG, 2), compacted(LOG, 3, 2), diskOf([])] });
  t.regex(base.audit, /the base of n2 is entry 3 of term 2, not 3/);
  t.regex(base.audit, /the snapshot of n2 is entry 3 of term 2, not 3/);
  t.regex(base.audit, /n3 has 0 of 4 committed entries/);
  const disks = COUNTED.disks.map((disk) => ({ ...disk, snapshot: null }));
  const bare = audit({ ...COUNTED, disks });
  t.regex(bare.audit, /n1 has neither the first 2 entries nor a snapshot of them/);
});
