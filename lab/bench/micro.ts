/** Benchmarks of the parts that run within one thread: core, codec, link, state machine. */
import { crc32 } from 'node:zlib';
import { RecordWriter } from '../../src/command.ts';
import { Kv } from '../../src/kv.ts';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type { AppendEntries, Effect, Entry, RaftState } from '../../src/raft/types.ts';
import { decode, encode } from '../../src/transport/codec.ts';
import { createLink, deliveries, PERFECT } from '../../src/transport/link.ts';
import { withDefaults } from '../sweep/factors.ts';
import { settingsOf } from '../threads/run.ts';
import type { Task } from './tasks.ts';

const KEYS = 100_000;
const BATCH = 256;
/** Where a record keeps its request number, and behind it the lowest pending one (command.ts). */
const REQUEST_NUMBER_OFFSET = 12;

export function microTasks(): Task[] {
  return [...coreTasks(), ...codecTasks(), ...linkTasks(), ...stateMachineTasks()];
}

/** Puts as the clients of an experiment encode them: 16-byte keys, 64-byte values. */
export function encodedPuts(count: number, firstKey: number): Uint8Array {
  const writer = new RecordWriter();
  const text = new TextEncoder();
  const value = new Uint8Array(64).fill(0x76);
  for (let i = 0; i < count; i++) {
    const key = text.encode(`k${String((firstKey + i * 7919) % KEYS).padStart(15, '0')}`);
    const requestNumber = firstKey + i + 1;
    writer.operation(
      { kind: 'put', key, value, expected: null },
      { clientId: 1, requestNumber, lowestPending: requestNumber },
    );
  }
  return writer.take();
}

export function createServer(id: string, voters: readonly string[]): RaftState {
  return create({
    id,
    settings: settingsOf(withDefaults({})),
    rng: fork(1, id),
    nowUs: 0,
    configuration: { voters, outgoing: [], learners: [] },
    currentTerm: 0,
    votedFor: null,
    snapshot: null,
    baseIndex: 0,
    baseTerm: 0,
    entries: [],
  });
}

/** A leader by its own vote and those it is handed. */
export function createLeader(voters: readonly string[]): RaftState {
  const [id = 'n1', ...others] = voters;
  const leader = createServer(id, voters);
  const nowUs = nextDeadlineUs(leader);
  step(leader, { nowUs, kind: 'timer' });
  for (const from of others) {
    const answer = { from, to: id, voteGranted: true } as const;
    step(leader, {
      nowUs,
      kind: 'message',
      message: { kind: 'PreVoteResponse', ...answer, term: 0, requestTerm: 0 },
    });
    step(leader, {
      nowUs,
      kind: 'message',
      message: { kind: 'RequestVoteResponse', ...answer, term: 1 },
    });
  }
  if (leader.role.kind !== 'leader') throw new Error('the benchmark has no leader');
  step(leader, { nowUs, kind: 'persisted', sequence: leader.volatile.persistSequence });
  return leader;
}

function coreTasks(): Task[] {
  const command = encodedPuts(1, 0);
  const leader = createLeader(['n1', 'n2', 'n3']);
  const follower = createServer('n2', ['n1', 'n2', 'n3']);
  let nowUs = 1_000_000;
  const put = (): void => {
    nowUs += 10;
    const proposed = step(leader, { nowUs, kind: 'propose', id: 1, command });
    for (const message of messagesTo('n2', proposed)) {
      const received = step(follower, { nowUs, kind: 'message', message });
      persistAll(follower, nowUs);
      for (const response of messagesTo('n1', received)) {
        applyAll(leader, nowUs, step(leader, { nowUs, kind: 'message', message: response }));
      }
      applyAll(follower, nowUs, received);
    }
    persistAll(leader, nowUs);
  };
  return [
    {
      group: 'core',
      name: 'one entry: proposed, replicated to a follower, committed, applied',
      perIteration: 1,
      async: false,
      run: put,
    },
    {
      group: 'core',
      name: 'heartbeat and its response, at the follower',
      perIteration: 1,
      async: false,
      run: () => {
        nowUs += 10;
        const last = follower.persistent.log.entries.length;
        const message: AppendEntries = {
          kind: 'AppendEntries',
          from: 'n1',
          to: 'n2',
          term: follower.persistent.currentTerm,
          prevLogIndex: last,
          prevLogTerm: follower.persistent.log.entries[last - 1]?.term ?? 0,
          entries: [],
          leaderCommit: follower.volatile.commitIndex,
          readRound: 0,
          attempt: 0,
          sentUs: nowUs,
          roundTripUs: 0,
        };
        step(follower, { nowUs, kind: 'message', message });
      },
    },
  ];
}

function messagesTo(id: string, effects: readonly Effect[]): AppendEntriesLike[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send' && effect.message.to === id ? [effect.message] : [],
  );
}
type AppendEntriesLike = Extract<Effect, { kind: 'send' }>['message'];

function persistAll(server: RaftState, nowUs: number): void {
  const { persistSequence } = server.volatile;
  applyAll(server, nowUs, step(server, { nowUs, kind: 'persisted', sequence: persistSequence }));
}

function applyAll(server: RaftState, nowUs: number, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.kind !== 'apply') continue;
    const index = effect.entries[effect.entries.length - 1]?.index ?? 0;
    step(server, { nowUs, kind: 'applied', index });
  }
}

function codecTasks(): Task[] {
  return [1, BATCH].flatMap((commands) => {
    const entry: Entry = { index: 2, term: 1, kind: 'command', command: encodedPuts(commands, 0) };
    const message: AppendEntries = {
      kind: 'AppendEntries',
      from: 'n1',
      to: 'n2',
      term: 1,
      prevLogIndex: 1,
      prevLogTerm: 1,
      entries: [entry],
      leaderCommit: 1,
      readRound: 0,
      attempt: 0,
      sentUs: 1_000_000,
      roundTripUs: 500,
    };
    const frame = encode(message, 1, crc32);
    const what = `AppendEntries of ${commands} put${commands === 1 ? '' : 's'}`;
    return [
      {
        group: 'codec',
        name: `encode ${what} (${frame.byteLength} B)`,
        perIteration: 1,
        async: false,
        run: () => void encode(message, 1, crc32),
      },
      {
        group: 'codec',
        name: `decode ${what}, checksum included`,
        perIteration: 1,
        async: false,
        run: () => void decode(frame, crc32),
      },
    ];
  });
}

/** Below the clock's resolution one by one. */
const LINK_CALLS = 1000;

function linkTasks(): Task[] {
  const settings = {
    perfect: PERFECT,
    'loss 5 %': { ...PERFECT, loss: 0.05 },
    'all faults': {
      ...PERFECT,
      loss: 0.2,
      burst: 4,
      duplicate: 0.5,
      delayMs: 5,
      jitterMs: 2,
      distribution: 'normal' as const,
      reorder: 0.25,
      correlation: 0.5,
      corrupt: 0.01,
    },
  };
  return Object.entries(settings).map(([name, faults]) => {
    const link = createLink(1, 'n1->n2');
    let nowUs = 0;
    return {
      group: 'link',
      name: `${LINK_CALLS} messages, ${name}`,
      perIteration: LINK_CALLS,
      async: false,
      run: () => {
        for (let i = 0; i < LINK_CALLS; i++) deliveries(faults, link, ++nowUs, 128);
      },
    };
  });
}

function stateMachineTasks(): Task[] {
  const kv = new Kv();
  const results = new RecordWriter();
  let pass = 0;
  // Batches made beforehand: encoding is the clients' work.
  const batches = Array.from({ length: KEYS / BATCH }, (_, i) => encodedPuts(BATCH, i * BATCH));
  const gets = new RecordWriter();
  const text = new TextEncoder();
  for (let i = 0; i < BATCH; i++) {
    const key = text.encode(`k${String((i * 7919) % KEYS).padStart(15, '0')}`);
    gets.operation(
      { kind: 'get', key, value: null, expected: null },
      { clientId: 1, requestNumber: i + 1, lowestPending: 1 },
    );
  }
  const reads = gets.take();
  return [
    {
      group: 'state machine',
      name: `${BATCH} puts of one session, with results`,
      perIteration: BATCH,
      async: false,
      run: () => {
        const batch = batches[pass % batches.length] as Uint8Array;
        renumber(batch, pass * BATCH + 1);
        pass++;
        kv.apply(pass, batch, results);
        results.take();
      },
    },
    {
      group: 'state machine',
      name: `${BATCH} gets`,
      perIteration: BATCH,
      async: false,
      run: () => {
        kv.query(reads, results);
        results.take();
      },
    },
  ];
}

/** Makes the same puts new requests, so that the session executes them again. */
function renumber(batch: Uint8Array, firstRequest: number): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const recordBytes = batch.byteLength / BATCH;
  for (let i = 0; i < BATCH; i++) {
    view.setUint32(i * recordBytes + REQUEST_NUMBER_OFFSET, firstRequest + i, true);
    view.setUint32(i * recordBytes + REQUEST_NUMBER_OFFSET + 4, firstRequest + i, true);
  }
}
