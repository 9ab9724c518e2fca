/**
 * Shows that a server which was held up, by other processes or by its host, does not take its own
 * silence for that of others: messages that had arrived count before a deadline that has passed,
 * and a leader asks before it misses answers. Sockets and clock are real; the thread stands still.
 *
 *     npx ava test/held-up.test.ts
 */
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { createClock, nowUs } from '../src/clock.ts';
import { Kv } from '../src/kv.ts';
import { Node } from '../src/node.ts';
import { nextDeadlineUs } from '../src/raft/raft.ts';
import { fork } from '../src/raft/random.ts';
import type { Message } from '../src/raft/types.ts';
import { MemoryDisk, MemoryStorage } from '../src/storage/memory.ts';
import { Turns } from '../src/turns.ts';
import { appendEntries } from './raft/fixture.ts';
import { LIMITS } from './support/settings.ts';
import { type PeerServer, server, until } from './support/ws-rig.ts';

/** No machine is so busy that it holds a server up for as long by itself. */
const ELECTION_TIMEOUT_MS = [2000, 2100] as const;

type HeldUp = {
  readonly node: Node;
  /** What the node gets and sends by. */
  readonly self: PeerServer;
  readonly peer: PeerServer;
  readonly heard: Message[];
};

/** A node at a socket, and a peer that says what the test has it say. */
async function heldUp(t: ExecutionContext): Promise<HeldUp> {
  const heard: Message[] = [];
  const self = await server(t, {
    receive: (message) => {
      heard.push(message);
      node.receive(message);
    },
  });
  const peer = await server(t);
  const turns = new Turns(() => node.flush());
  const medium = {
    write: (_bytes: number, written: (outcome: 'durable') => void) => written('durable'),
    tell: (hear: () => void) => hear(),
  };
  const node = new Node(
    {
      id: self.id,
      settings: {
        electionTimeoutMs: [...ELECTION_TIMEOUT_MS],
        heartbeatMs: 50,
        // Whoever campaigns is in a later term for good.
        preVote: false,
        checkQuorum: true,
        leaderStickiness: false,
        parallelDiskWrite: true,
        windowMessages: 8,
        batchEntries: 64,
        batchBytes: 1 << 20,
        ...LIMITS,
      },
      configuration: { voters: [self.id, peer.id], outgoing: [], learners: [] },
      rng: fork(1, 'held up'),
      batchCommands: 1000,
      requestsMax: 1000,
    },
    {
      clock: createClock(),
      storage: new MemoryStorage(new MemoryDisk(self.id, crc32), medium),
      transport: { send: (message) => self.peers.send(message), close: () => {} },
      stateMachine: new Kv(),
      later: turns.later,
      onFlaw: (from, flaw) => t.fail(`${from} sent what no correct server does (${flaw})`),
      onFailure: (error) => t.fail(error.message),
    },
  );
  for (const one of [self, peer]) one.peers.follow([self.id, peer.id]);
  await until('connected', () => self.isConnectedTo(peer) && peer.isConnectedTo(self));
  await new Promise<void>((resolve) => node.start(resolve));
  t.teardown(() => {
    node.stop();
    turns.stop();
  });
  return { node, self, peer, heard };
}

/**
 * The thread does nothing until `overUs`, and looks at its timers next. What `say` sends is with
 * the operating system by then, and unread: nobody looks at sockets between two immediates.
 */
async function standStill(overUs: number, say: () => void = () => {}): Promise<void> {
  setImmediate(say);
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      while (nowUs() < overUs);
      resolve();
    });
  });
}

function pastDeadlineUs({ node }: HeldUp): number {
  return nextDeadlineUs(node.state) + 100_000;
}

function heartbeat({ self, peer }: HeldUp, term: number): void {
  peer.peers.send(appendEntries({ from: peer.id, to: self.id, term }));
}

test.serial('a follower takes in the heartbeat that had arrived before it campaigns', async (t) => {
  const all = await heldUp(t);
  const { node, heard } = all;
  heartbeat(all, 1);
  await until('it follows', () => node.state.volatile.leaderId === all.peer.id);
  const before = heard.length;
  await standStill(pastDeadlineUs(all), () => heartbeat(all, 1));
  t.is(heard.length, before, 'the heartbeat is unread');
  await until('it is late', () => node.timersLate === 1);
  await until('the heartbeat is read', () => heard.length > before);
  t.is(node.state.role.kind, 'follower');
  t.is(node.state.persistent.currentTerm, 1);
  t.is(node.state.volatile.leaderId, all.peer.id);
});

test.serial(
  'a follower whose leader is silent campaigns, however late its timer was',
  async (t) => {
    const all = await heldUp(t);
    const { node } = all;
    heartbeat(all, 1);
    await until('it follows', () => node.state.volatile.leaderId === all.peer.id);
    await standStill(pastDeadlineUs(all));
    t.is(node.state.role.kind, 'follower');
    await until('it campaigns', () => node.state.role.kind === 'candidate');
    t.is(node.timersLate, 1);
    t.is(node.state.persistent.currentTerm, 2);
  },
);

test.serial(
  'a leader that was held up sends a heartbeat at once, and looks for answers later',
  async (t) => {
    const all = await heldUp(t);
    const { node, self, peer } = all;
    await until('it campaigns', () => node.state.role.kind === 'candidate');
    const { currentTerm: term } = node.state.persistent;
    const vote = { kind: 'RequestVoteResponse', term, voteGranted: true } as const;
    peer.peers.send({ ...vote, from: peer.id, to: self.id });
    await until('it leads', () => node.state.role.kind === 'leader');
    const { role } = node.state;
    if (role.kind !== 'leader') return;
    // In the first check those who have just voted count.
    const { quorumDeadlineUs } = role;
    await until('it has checked', () => role.quorumDeadlineUs > quorumDeadlineUs);
    const overUs = role.quorumDeadlineUs + 100_000;
    while (Number(process.hrtime.bigint() / 1000n) < overUs);
    await until('it is late', () => node.timersLate > 0);
    t.is(node.state.role, role, 'nobody was asked in time, so nobody owes it an answer');
    // Now it has asked, and the peer says nothing.
    await until('it steps down', () => node.state.role.kind === 'follower');
  },
);
