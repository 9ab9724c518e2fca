/** What tests do to a server on its own, `n1`, whose storage answers late. */
import { lastIndex } from '../../src/raft/log.ts';
import type { Entry, Message, NodeId, SnapshotMeta } from '../../src/raft/types.ts';
import type { StorageError } from '../../src/storage/storage.ts';
import { LateServer, type ServerOptions } from './late-server.ts';
import type { CallKind } from './late-storage.ts';
import { putBatch } from './node-rig.ts';
import { chunkOf } from './snapshots.ts';

/** Distributes over the members of the union, so that each keeps its own fields. */
type Part<T> = T extends Message ? Omit<T, 'from' | 'to'> : never;

const STEPS_MAX = 10_000;

/** What the node waits for, in the order in which it asked. */
export function callsOf(server: LateServer): CallKind[] {
  return server.storage.calls.map(({ kind }) => kind);
}

/** The storage answers the oldest call of this kind. */
export function answer(
  server: LateServer,
  kind: CallKind,
  error: StorageError | null = null,
): void {
  const call = server.storage.calls.find((other) => other.kind === kind);
  if (call === undefined) {
    throw new Error(`expected a ${kind} under way, got ${callsOf(server).join() || 'nothing'}`);
  }
  server.turn(() => call.answer(error));
}

/** Turns and answers until nothing is under way any more; of some kinds only, if so told. */
export function settle(server: LateServer, kinds?: readonly CallKind[]): void {
  for (let step = 0; step < STEPS_MAX; step++) {
    const then = server.later.shift();
    const call = server.storage.calls.find(({ kind }) => kinds?.includes(kind) ?? true);
    if (then !== undefined) server.turn(then);
    else if (call !== undefined) server.turn(() => call.answer());
    else return;
  }
  throw new Error(`after ${STEPS_MAX} steps the node still waits for ${callsOf(server).join()}`);
}

/** Started, with its disk read. */
export function started(options: ServerOptions = {}): LateServer {
  const server = new LateServer(options).start();
  settle(server);
  return server;
}

export function receive(server: LateServer, from: NodeId, part: Part<Message>): void {
  server.turn(() => server.node.receive({ ...part, from, to: 'n1' } as Message));
}

/** Puts of term 1, all committed: entries `first` up to `last`, from the leader of `term`. */
export function append(server: LateServer, first: number, last: number, term = 1): void {
  const entries = Array.from({ length: last - first + 1 }, (_, i): Entry => {
    const index = first + i;
    return { index, term: 1, kind: 'command', command: putBatch(90, index) };
  });
  receive(server, 'n2', {
    kind: 'AppendEntries',
    term,
    prevLogIndex: first - 1,
    prevLogTerm: first === 1 ? 0 : 1,
    entries,
    leaderCommit: last,
    readRound: 0,
    attempt: 0,
    sentUs: server.nowUs,
    roundTripUs: 0,
  });
}

/** All of a snapshot in two chunks, from the leader of a term. */
export function install(
  server: LateServer,
  { meta, bytes }: { readonly meta: SnapshotMeta; readonly bytes: Uint8Array },
  { from = 'n2', term = 1 } = {},
): void {
  const half = bytes.byteLength >> 1;
  receive(server, from, { ...chunkOf(meta, 0, bytes.subarray(0, half), false), term });
  receive(server, from, { ...chunkOf(meta, half, bytes.subarray(half), true), term });
}

/** These followers hold the leader's log and have seen the read round. */
export function acknowledge(
  server: LateServer,
  { readRound = 0, followers = ['n2', 'n3'] as readonly NodeId[] } = {},
): void {
  const { persistent } = server.node.state;
  const kind = 'AppendEntriesResponse';
  const matchIndex = lastIndex(persistent.log);
  const timing = { readRound, attempt: 0, sentUs: server.nowUs };
  const came = { kind, success: true, term: persistent.currentTerm, matchIndex } as const;
  for (const from of followers) receive(server, from, { ...came, ...timing });
}

/** Leader of the next term, with its no-op committed and applied; `n3` has not been heard from. */
export function lead(server: LateServer): LateServer {
  server.fireTimer();
  settle(server);
  const term = server.node.state.persistent.currentTerm;
  receive(server, 'n2', { kind: 'RequestVoteResponse', term, voteGranted: true });
  settle(server);
  acknowledge(server, { followers: ['n2'] });
  if (server.node.state.role.kind !== 'leader') throw new Error('n1 was not elected');
  server.sent.length = 0;
  return server;
}
