/**
 * Shows that the audit has teeth: evidence made by hand, one thing wrong at a time, is complained
 * of by name, and evidence with nothing wrong is `ok`.
 *
 *     npx ava test/audit.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { audit, type Evidence } from '../lab/audit.ts';
import type { Status } from '../lab/threads/node-worker.ts';
import type { OperationKind } from '../src/command.ts';
import { Kv } from '../src/kv.ts';
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

/** Requests 1 … of client 0, as the recorder notes them. */
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
    role: id === 'n2' ? 'leader' : 'follower',
    term: 3,
    leaderId: 'n2',
    commitIndex: log.length,
    lastApplied: log.length,
    lastIndex: log.length,
    executed,
    digest,
    contentDigest: contentOf(log),
    heapBytes: 1,
  };
}

const LOG = logOf([put(1, 1), put(1, 2)], [put(2, 1), put(1, 2)], [put(1, 3, 3)]);
/** Of the five commands the second copy of request 2 takes no effect. */
const EXECUTED = 4;
const CLEAN: Evidence = {
  statuses: NODES.map((id) => statusOf(id, LOG, EXECUTED)),
  logs: NODES.map(() => LOG),
  acknowledged: [told(1, 2, 3), told(1)],
  nodes: NODES,
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
  audit: 'ok',
};

test('nothing wrong is ok', (t) => {
  t.deepEqual(audit(CLEAN), CLEAN_VERDICT);
  const blank = logOf();
  t.deepEqual(
    audit({
      statuses: [{ ...statusOf('n2', blank, 0) }],
      logs: [blank],
      acknowledged: [],
      nodes: ['n2'],
    }),
    CLEAN_VERDICT,
    'one node, no load',
  );
});

test('what was executed and never acknowledged is no fault', (t) => {
  t.deepEqual(audit({ ...CLEAN, acknowledged: [told(), told()] }), CLEAN_VERDICT);
});

test('an acknowledged write that is in no log is lost', (t) => {
  const verdict = audit({ ...CLEAN, acknowledged: [told(1, 2, 3, 4), told(1, 2)] });
  t.is(verdict.acknowledgedWritesLost, 2);
  t.regex(verdict.audit, /2 acknowledged writes are not in the committed log/);
});

test('an acknowledged write of a client nobody has heard of is lost', (t) => {
  const verdict = audit({ ...CLEAN, acknowledged: [told(1, 2, 3), told(1), told(7)] });
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
    logs: NODES.map(() => log),
    statuses: NODES.map((id) => statusOf(id, log, 2)),
    acknowledged: [told(1, 2, 3)],
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
    const logs = [LOG, LOG, [...LOG.slice(0, 3), other]];
    t.regex(audit({ ...CLEAN, logs }).audit, /entry 4 of n3 differs/);
  }
  const short = audit({ ...CLEAN, logs: [LOG, LOG.slice(0, 3), LOG] });
  t.regex(short.audit, /n2 has 3 of 4 committed entries/);
});

test('what stands behind the committed part may differ', (t) => {
  const other: Entry = { index: 5, term: 3, kind: 'noop' };
  t.deepEqual(audit({ ...CLEAN, logs: [LOG, [...LOG, other], LOG] }), CLEAN_VERDICT);
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
    logs: CLEAN.logs.slice(0, 2),
  });
  t.false(verdict.replicasEqual);
  t.regex(verdict.audit, /n3 did not come back/);
  const nobody = audit({ ...CLEAN, statuses: [], logs: [] });
  t.false(nobody.replicasEqual);
  t.is(nobody.acknowledgedWritesLost, 4);
  t.regex(nobody.audit, /n1, n2, n3 did not come back/);
});

test('several faults are all told', (t) => {
  const evidence = withStatus('n3', { digest: 'other', executed: 9, role: 'leader' });
  const verdict = audit({ ...evidence, acknowledged: [told(20)] });
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
        statuses: NODES.map((id) => statusOf(id, log, executed, digest)),
        logs: NODES.map(() => log),
        acknowledged: [],
        nodes: NODES,
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
    statuses: NODES.map((id) => statusOf(id, log, 64)),
    logs: NODES.map(() => log),
    acknowledged: [],
    nodes: NODES,
  });
  t.is(verdict.audit, 'ok');
});
