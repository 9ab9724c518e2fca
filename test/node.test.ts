/**
 * Shows what the node owes beyond the core: nothing leaves before what it promises is durable, a
 * busy disk gathers what comes meanwhile, commands share entries and are answered one by one, what
 * cannot be answered is refused with what is known of it, and a failed disk ends it.
 *
 *     npx ava test/node.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import { Kv } from '../src/kv.ts';
import type { Message } from '../src/raft/types.ts';
import { ExecutionError, StorageError } from '../src/storage/storage.ts';
import { createClient, getBatch, NodeRig, putBatch } from './support/node-rig.ts';
import { always } from './support/property.ts';
import { type Answered, requestNumbersOf, textOf } from './support/records.ts';

function statuses(results: readonly Answered[]): [number, string][] {
  return results.map(({ requestNumber, status }) => [requestNumber, status]);
}

// ---- Durability ---------------------------------------------------------------------------------

test('a request for votes leaves when term and own vote are durable', (t) => {
  const rig = new NodeRig();
  rig.timeout();
  t.deepEqual(rig.sent, []);
  t.deepEqual(
    rig.units.map(({ changes }) => changes[0]?.termAndVote),
    [{ currentTerm: 1, votedFor: 'n1' }],
  );
  rig.finish();
  t.deepEqual(
    rig.sentOf('RequestVote').map(({ to, term }) => [to, term]),
    [
      ['n2', 1],
      ['n3', 1],
    ],
  );
});

test('a vote leaves when it is durable, and so does a refusal in a new term', (t) => {
  const rig = new NodeRig();
  const asks = {
    kind: 'RequestVote',
    term: 5,
    lastLogIndex: 0,
    lastLogTerm: 0,
    leadershipTransfer: false,
  } as const;
  rig.receive('n2', asks);
  rig.receive('n3', asks);
  t.deepEqual(rig.sent, []);
  rig.finishAll();
  t.deepEqual(
    rig.sentOf('RequestVoteResponse').map(({ to, voteGranted }) => [to, voteGranted]),
    [
      ['n2', true],
      ['n3', false],
    ],
  );
  t.is(rig.durable.votedFor, 'n2');
});

test('entries are acknowledged when durable; a repetition waits for the first copy', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], []);
  rig.finishAll();
  rig.sent.length = 0;

  rig.append('n2', 1, [0, 0], [1, 1]);
  // Changes nothing, so it has no persist of its own; its promise is the same.
  rig.append('n2', 1, [0, 0], [1, 1]);
  rig.append('n2', 1, [1, 1], [1]);
  t.deepEqual(rig.sent, []);
  t.is(rig.units.length, 1);
  rig.finish();
  t.deepEqual(
    rig.sentOf('AppendEntriesResponse').map((message) => message.success && message.matchIndex),
    [2, 2, 2],
  );
  t.is(rig.durable.entries.length, 2);
});

test('a heartbeat is answered while the log is on its way to the disk', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], [1]);
  rig.finishAll();
  rig.sent.length = 0;
  rig.append('n2', 1, [1, 1], [1, 1]);
  rig.append('n2', 1, [3, 1], []);
  const [answer, ...others] = rig.sentOf('AppendEntriesResponse');
  t.deepEqual(others, []);
  t.true(answer?.success && answer.matchIndex === 1, 'it vouches for what is durable, no more');
  rig.finish();
  t.is(rig.sentOf('AppendEntriesResponse').length, 2);
});

test('what is held goes out in the order it was sent', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], []);
  rig.finishAll();
  rig.sent.length = 0;
  for (let index = 0; index < 5; index++) rig.append('n2', 1, [index, index === 0 ? 0 : 1], [1]);
  rig.finishAll();
  const matches = rig.sentOf('AppendEntriesResponse').map((one) => one.success && one.matchIndex);
  t.deepEqual(matches, [1, 2, 3, 4, 5]);
});

test('a leader sends entries while it writes them, unless that is switched off', (t) => {
  for (const parallelDiskWrite of [true, false]) {
    const rig = new NodeRig({ settings: { parallelDiskWrite } }).lead();
    rig.node.write(createClient(), putBatch(1, 1), 1);
    rig.node.flush();
    t.is(rig.sentOf('AppendEntries').length, parallelDiskWrite ? 2 : 0);
    rig.finishAll();
    t.is(rig.sentOf('AppendEntries').length, 2);
  }
});

/** Says what a message promises that is not durable, or null. */
function brokenPromise(rig: NodeRig, message: Message): string | null {
  const { currentTerm, votedFor, entries } = rig.durable;
  if (message.term > currentTerm) return `term ${message.term} with ${currentTerm} durable`;
  const sameTerm = message.term === currentTerm;
  switch (message.kind) {
    case 'RequestVote':
      return sameTerm && votedFor !== 'n1' ? 'candidacy without a vote for itself' : null;
    case 'RequestVoteResponse':
      return message.voteGranted && sameTerm && votedFor !== message.to ? 'a vote' : null;
    case 'AppendEntriesResponse':
      if (!message.success || message.matchIndex <= entries.length) return null;
      return `entries up to ${message.matchIndex} with ${entries.length} durable`;
    default:
      return null;
  }
}

test('whatever happens, nothing leaves before what it promises is durable', (t) => {
  const event = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('finish' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('timeout' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('vote' as const),
        from: fc.constantFrom('n2', 'n3'),
        ahead: fc.nat({ max: 1 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        behind: fc.nat({ max: 2 }),
        count: fc.nat({ max: 3 }),
      }),
    },
  );
  always(
    t,
    fc.property(fc.array(event, { maxLength: 60, size: 'max' }), (events) => {
      const rig = new NodeRig();
      rig.onSend = (message) => {
        const broken = brokenPromise(rig, message);
        if (broken !== null) throw new Error(`${message.kind} to ${message.to}: ${broken}`);
      };
      for (const next of events) {
        const { term, lastIndex } = rig;
        if (next.kind === 'finish' && rig.units.length > 0) rig.finish();
        if (next.kind === 'timeout') rig.timeout();
        if (next.kind === 'vote') {
          const asked = { term: term + next.ahead, lastLogIndex: 999, lastLogTerm: term };
          const leadershipTransfer = false;
          rig.receive(next.from, { kind: 'RequestVote', ...asked, leadershipTransfer });
        }
        // Only a term that n1 did not win itself can have another leader: the next one.
        if (next.kind === 'append') {
          const prev = Math.max(0, lastIndex - next.behind);
          const entries = rig.node.state.persistent.log.entries;
          const prevTerm = entries[prev - 1]?.term ?? 0;
          const known = entries.slice(prev, prev + next.count).map((entry) => entry.term);
          const leaderTerm = rig.node.state.role.kind === 'follower' ? term : term + 1;
          const fresh = Array.from({ length: next.count - known.length }, () => leaderTerm);
          rig.append('n2', leaderTerm, [prev, prevTerm], [...known, ...fresh]);
        }
        if (rig.failures.length > 0) throw rig.failures[0];
      }
    }),
    500,
  );
});

// ---- Group commit -------------------------------------------------------------------------------

test('what gathers while the disk is busy is its next unit, as one', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], []);
  t.is(rig.units.length, 1);
  for (let index = 0; index < 3; index++) rig.append('n2', 1, [index, index === 0 ? 0 : 1], [1]);
  t.is(rig.units.length, 1, 'the disk is given one unit at a time');
  rig.finish();
  t.deepEqual(
    rig.units.map(({ changes }) => changes.flatMap(({ entries }) => entries.map((e) => e.index))),
    [[1, 2, 3]],
  );
  rig.finish();
  t.is(rig.units.length, 0);
  t.is(rig.durable.entries.length, 3);
});

// ---- Batching -----------------------------------------------------------------------------------

test('commands of one turn share an entry, and each client gets its own answers in order', (t) => {
  const rig = new NodeRig().lead();
  const [one, two] = [createClient(), createClient()];
  rig.node.write(one, putBatch(1, 1, 3), 3);
  rig.node.write(two, putBatch(2, 1, 2), 2);
  rig.node.write(one, putBatch(1, 4, 1), 1);
  t.is(rig.lastIndex, 1, 'nothing is proposed before the turn ends');
  rig.node.flush();
  t.deepEqual(rig.pendingCommands().map(requestNumbersOf), [[1, 2, 3, 1, 2, 4]]);
  rig.finishAll();
  rig.acknowledge();
  t.deepEqual([one.deliveries, two.deliveries], [[], []], 'nothing is told before the turn ends');
  rig.node.flush();
  const ok = (requestNumber: number): [number, string] => [requestNumber, 'ok'];
  t.deepEqual(one.deliveries.map(statuses), [[1, 2, 3, 4].map(ok)]);
  t.deepEqual(two.deliveries.map(statuses), [[1, 2].map(ok)]);
  t.true(one.deliveries.flat().every(({ clientId, index }) => clientId === 1 && index === 2));
});

test('a full entry does not wait for the end of the turn', (t) => {
  const rig = new NodeRig({ batchCommands: 4 }).lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1, 3), 3);
  t.is(rig.lastIndex, 1);
  rig.node.write(client, putBatch(1, 4, 1), 1);
  t.deepEqual(rig.pendingCommands().map(requestNumbersOf), [[1, 2, 3, 4]]);
  rig.node.write(client, putBatch(1, 5, 2), 2);
  t.is(rig.lastIndex, 2);
  rig.node.flush();
  t.is(rig.lastIndex, 3);
});

/** Request numbers by entry, behind the no-op that began the term. */
function loggedRequests(rig: NodeRig): number[][] {
  const entries = rig.node.state.persistent.log.entries.slice(1);
  return entries.map((entry) => (entry.kind === 'command' ? requestNumbersOf(entry.command) : []));
}

test('an entry takes up to `batchCommands`, whoever they come from', (t) => {
  always(
    t,
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 7 }),
      (counts, batchCommands) => {
        const rig = new NodeRig({ batchCommands }).lead();
        const clients = counts.map((count, i) => {
          const client = createClient();
          rig.node.write(client, putBatch(i + 1, 1, count), count);
          return client;
        });
        rig.node.flush();
        const entries = loggedRequests(rig);
        const written = counts.flatMap((count) => Array.from({ length: count }, (_, at) => at + 1));
        t.deepEqual(entries.flat(), written, 'each command once, in order');
        t.true(entries.every(({ length }) => length > 0 && length <= batchCommands));
        // At worst every other entry is but half full.
        t.true(entries.length <= Math.ceil((2 * written.length) / batchCommands));
        rig.finishAll();
        rig.acknowledge();
        rig.node.flush();
        clients.forEach(({ deliveries }, i) => {
          const told = deliveries
            .flat()
            .map((one) => [one.clientId, one.requestNumber, one.status]);
          const asked = Array.from({ length: counts[i] ?? 0 }, (_, at) => [i + 1, at + 1, 'ok']);
          t.deepEqual(told, asked);
        });
      },
    ),
  );
});

test('an instant disk calls back in the middle of a step; its turn comes after it', (t) => {
  const rig = new NodeRig({ voters: ['n1'], instantDisk: true }).lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1, 2), 2);
  rig.node.read(client, getBatch(1, 3, '1/2'), 1, 'linearizable');
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [
    [
      [1, 'ok'],
      [2, 'ok'],
      [3, 'ok'],
    ],
  ]);
  t.is(textOf(client.deliveries[0]?.[2]?.value ?? null), 'value 2');
});

test('a follower applies what the leader commits, and tells nobody', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], [1, 1], 2);
  rig.finishAll();
  t.is(rig.kv.counters.executed + rig.kv.counters.repeated, 2);
  t.is(rig.node.state.volatile.lastApplied, 2);
});

// ---- Refusals -----------------------------------------------------------------------------------

test('a node that does not lead refuses writes and reads, each by its number', (t) => {
  const rig = new NodeRig();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1, 2), 2);
  rig.node.read(client, getBatch(1, 3, 'k'), 1, 'linearizable');
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [
    [
      [1, 'notLeader'],
      [2, 'notLeader'],
      [3, 'notLeader'],
    ],
  ]);
  t.is(rig.kv.counters.executed, 0);
});

test('a leader that loses its lead says of what is in its log: outcome unknown', (t) => {
  const rig = new NodeRig().lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1, 2), 2);
  rig.node.flush();
  rig.append('n2', 2, [1, 1], []);
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [
    [
      [1, 'outcomeUnknown'],
      [2, 'outcomeUnknown'],
    ],
  ]);
  // It may well be committed later; the client has its answer and gets no other.
  rig.append('n2', 2, [1, 1], [1], 2);
  rig.finishAll();
  rig.node.flush();
  t.is(client.deliveries.length, 1);
});

test('an entry that another took the place of was not executed', (t) => {
  const rig = new NodeRig().lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1), 1);
  rig.node.flush();
  // One message ends the lead, replaces entry 2, and commits what took its place.
  rig.append('n2', 2, [1, 1], [2], 2);
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [[[1, 'notExecuted']]]);
  t.is(rig.kv.size, 1, 'the other was');
});

test('an entry committed by the message that ends the lead is answered as executed', (t) => {
  const rig = new NodeRig().lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1), 1);
  rig.node.flush();
  rig.append('n2', 2, [2, 1], [], 2);
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [[[1, 'ok']]]);
});

// ---- Reads --------------------------------------------------------------------------------------

test('a read waits for its round, sees acknowledged writes, and comes with index 0', (t) => {
  const rig = new NodeRig().lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1), 1);
  rig.node.flush();
  rig.finishAll();
  rig.acknowledge();
  rig.node.read(client, getBatch(1, 2, '1/1'), 1, 'linearizable');
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [[[1, 'ok']]]);
  rig.acknowledge({ readRound: 1, from: ['n3'] });
  rig.node.flush();
  const read = client.deliveries[1]?.[0];
  t.deepEqual([read?.status, textOf(read?.value ?? null), read?.index], ['ok', 'value 1', 0]);
});

test('a read whose round is confirmed waits until its index is applied', (t) => {
  const rig = new NodeRig();
  rig.timeout();
  rig.finishAll();
  rig.receive('n2', { kind: 'RequestVoteResponse', term: 1, voteGranted: true });
  const client = createClient();
  rig.node.read(client, getBatch(1, 1, 'k'), 1, 'linearizable');
  rig.node.flush();
  // A round confirms the lead; but nothing of this term is committed, so what is, is not known.
  rig.acknowledge({ readRound: 1, matchIndex: 0 });
  rig.node.flush();
  t.deepEqual(client.deliveries, []);
  rig.finishAll();
  rig.acknowledge({ readRound: 1, from: ['n2'] });
  rig.node.flush();
  t.deepEqual(client.deliveries.map(statuses), [[[1, 'notFound']]]);
});

test('reads of one turn share a round; those of a leader that steps down are refused', (t) => {
  const rig = new NodeRig().lead();
  const [one, two] = [createClient(), createClient()];
  rig.node.read(one, getBatch(1, 1, 'k'), 1, 'linearizable');
  rig.node.read(two, getBatch(2, 1, 'k'), 1, 'linearizable');
  rig.node.flush();
  t.deepEqual(
    rig.sentOf('AppendEntries').map(({ to, readRound }) => [to, readRound]),
    [
      ['n2', 1],
      ['n3', 1],
    ],
  );
  rig.append('n2', 2, [1, 1], []);
  rig.node.flush();
  for (const { deliveries } of [one, two])
    t.deepEqual(statuses(deliveries[0] ?? []), [[1, 'notLeader']]);
});

// ---- The end of a node --------------------------------------------------------------------------

test('a disk that fails stops the node, and nothing is acknowledged', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], [1]);
  rig.fail();
  t.deepEqual(
    rig.failures.map(({ message }) => message),
    ['the disk is gone'],
  );
  t.true(rig.closed);
  rig.append('n2', 1, [1, 1], [1]);
  rig.timeout();
  rig.node.flush();
  t.deepEqual([rig.sent, rig.units], [[], []]);
});

test('a leader whose disk fails acknowledges no write, whatever its followers hold', (t) => {
  const rig = new NodeRig().lead();
  const client = createClient();
  rig.node.write(client, putBatch(1, 1), 1);
  rig.node.flush();
  rig.fail();
  rig.acknowledge();
  rig.node.flush();
  t.deepEqual(client.deliveries, []);
  t.is(rig.failures.length, 1);
});

test('a node that was stopped sends no more, whatever its disk reports', (t) => {
  const rig = new NodeRig();
  rig.append('n2', 1, [0, 0], [1]);
  rig.append('n2', 1, [1, 1], [1]);
  rig.node.stop();
  t.true(rig.closed);
  rig.finish();
  rig.timeout();
  t.deepEqual([rig.sent, rig.units, rig.failures], [[], [], []]);
});

test('a disk that cannot be read fails the node before it begins', (t) => {
  const rig = new NodeRig({ loadError: new StorageError('unreadable') });
  t.deepEqual(
    rig.failures.map(({ message }) => message),
    ['unreadable'],
  );
  t.is(rig.timerUs, null);
  t.throws(() => rig.node.state);
});

test('a state machine that throws stops the node, once', (t) => {
  class Broken extends Kv {
    override apply(): void {
      throw new Error('broken');
    }
  }
  const rig = new NodeRig({ stateMachine: new Broken() });
  rig.append('n2', 1, [0, 0], [1, 1], 2);
  t.deepEqual(
    rig.failures.map(({ message }) => message),
    ['broken'],
  );
  if (rig.units.length > 0) rig.fail();
  t.is(rig.failures.length, 1);
});

test('an entry that cannot be executed stops the node with its index and term', (t) => {
  class Refusing extends Kv {
    override apply(): void {
      throw new RangeError('an operation is cut short');
    }
  }
  const rig = new NodeRig({ stateMachine: new Refusing() });
  rig.append('n2', 1, [0, 0], [1, 1], 2);
  t.is(rig.failures.length, 1);
  t.true(rig.failures[0] instanceof ExecutionError);
  const says =
    /^the storage: entry 1, term 1, cannot be executed \(an operation is cut short\); run the /;
  t.regex(rig.failures[0]?.message ?? '', says);
});

test('a node starts from what its disk holds', (t) => {
  const stored = {
    currentTerm: 7,
    votedFor: 'n3',
    baseIndex: 0,
    baseTerm: 0,
    snapshot: null,
    entries: [{ index: 1, term: 4, kind: 'command', command: putBatch(1, 1) } as const],
  };
  const rig = new NodeRig({ stored });
  const { persistent, volatile } = rig.node.state;
  t.deepEqual([persistent.currentTerm, persistent.votedFor], [7, 'n3']);
  t.deepEqual([volatile.persistedIndex, volatile.commitIndex], [1, 0]);
  const asks = {
    kind: 'RequestVote',
    term: 7,
    lastLogIndex: 9,
    lastLogTerm: 6,
    leadershipTransfer: false,
  } as const;
  rig.receive('n2', asks);
  t.false(rig.sentOf('RequestVoteResponse')[0]?.voteGranted, 'one vote per term, across starts');
  t.is(new Kv().digest(), rig.kv.digest(), 'what is committed is known only from a leader');
});

test('the timer follows the next deadline', (t) => {
  const rig = new NodeRig();
  const first = rig.timerUs ?? 0;
  t.true(first >= rig.nowUs + 150_000 && first <= rig.nowUs + 300_000);
  rig.nowUs += 100_000;
  rig.append('n2', 1, [0, 0], []);
  t.true((rig.timerUs ?? 0) >= rig.nowUs + 150_000, 'a heartbeat moves the election away');
  const leader = new NodeRig().lead();
  t.true((leader.timerUs ?? 0) <= leader.nowUs + 50_000);
  leader.timeout();
  t.is(leader.sentOf('AppendEntries').length, 2);
});
