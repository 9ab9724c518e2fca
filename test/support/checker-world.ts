/**
 * Three servers and their disks, which do what they are told: for cases that break one property
 * each. The servers' states are the core's; what happens between them is made up.
 */
import { Checker, type PROPERTIES } from '../../lab/checker.ts';
import { create, step } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type {
  Configuration,
  Effect,
  Entry,
  Index,
  Message,
  NodeId,
  PersistChange,
  RaftState,
  Settings,
  SnapshotMeta,
  Term,
} from '../../src/raft/types.ts';
import { acknowledge, elect, persistAll, SETTINGS, simple } from '../raft/fixture.ts';

type Disk = {
  currentTerm: Term;
  votedFor: NodeId | null;
  baseIndex: Index;
  baseTerm: Term;
  entries: readonly Entry[];
  snapshot: SnapshotMeta | null;
};

type Holding = {
  /** That of the last entry unless told otherwise. */
  readonly term?: Term;
  readonly vote?: NodeId | null;
  readonly entries?: readonly Entry[];
  readonly snapshot?: SnapshotMeta | null;
  /** The entry that the log begins behind. */
  readonly base?: readonly [index: Index, term: Term];
  readonly settings?: Partial<Settings>;
};

export const INITIAL = simple('n1', 'n2', 'n3');

const EMPTY: Disk = {
  currentTerm: 0,
  votedFor: null,
  baseIndex: 0,
  baseTerm: 0,
  entries: [],
  snapshot: null,
};

export class World {
  readonly disks = new Map<NodeId, Disk>();
  readonly checker: Checker;

  constructor() {
    for (const id of ['n1', 'n2', 'n3']) this.disks.set(id, { ...EMPTY });
    this.checker = new Checker(this.disks, INITIAL);
  }

  /** Of a server that joins, too. */
  disk(id: NodeId): Disk {
    const disk = this.disks.get(id) ?? { ...EMPTY };
    this.disks.set(id, disk);
    return disk;
  }

  /** A server starts, for the first time or again, from what is said to be on its disk. */
  start(id: NodeId, holding: Holding = {}): RaftState {
    const { base = [0, 0], entries = [], settings, snapshot = null, term, vote = null } = holding;
    const [baseIndex, baseTerm] = base;
    const state = create({
      id,
      settings: { ...SETTINGS, ...settings },
      rng: fork(1, `raft ${id}`),
      nowUs: 0,
      configuration: INITIAL,
      currentTerm: term ?? entries.at(-1)?.term ?? baseTerm,
      votedFor: vote,
      snapshot,
      baseIndex,
      baseTerm,
      entries: [...entries],
    });
    this.save(state);
    this.checker.started(state);
    return state;
  }

  /** What the server has in memory is on its disk as well. */
  save(state: RaftState): void {
    const { currentTerm, log, snapshot, votedFor } = state.persistent;
    const { baseIndex, baseTerm } = log;
    const entries = log.entries.slice();
    const held = { currentTerm, votedFor, baseIndex, baseTerm, entries, snapshot };
    Object.assign(this.disk(state.id), held);
  }

  saw(state: RaftState, effects: readonly Effect[] = []): void {
    this.checker.stepped(effects, state);
  }

  /** The server leads its next term, by its own vote and that of another; returns when. */
  elect(state: RaftState, voter: NodeId = state.id === 'n3' ? 'n2' : 'n3'): number {
    this.vote(voter, state);
    return this.becomeLeader(state);
  }

  /** A server votes for a candidate of the next term. */
  vote(voter: NodeId, candidate: RaftState): void {
    const term = candidate.persistent.currentTerm + 1;
    const before = { ...this.disk(voter) };
    Object.assign(this.disk(voter), { currentTerm: term, votedFor: candidate.id });
    this.sent(voter, candidate.id, vote(term));
    Object.assign(this.disk(voter), before);
  }

  /** The server takes itself for elected, whatever others have said. */
  becomeLeader(state: RaftState): number {
    const { nowUs, effects } = elect(state);
    this.saw(state, effects);
    return nowUs;
  }

  /** The leader's log is on these disks, its own among them, and the others tell it so. */
  commit(leader: RaftState, nowUs: number, ...others: NodeId[]): void {
    const { log } = leader.persistent;
    this.saw(leader, persistAll(leader, nowUs));
    this.save(leader);
    const last = log.baseIndex + log.entries.length;
    for (const id of others) this.disk(id).entries = log.entries.slice();
    for (const id of others) this.saw(leader, acknowledge(leader, id, last, nowUs));
  }

  /** The leader is asked for another membership, and appends the entry that begins it. */
  configure(leader: RaftState, nowUs: number, ...voters: NodeId[]): void {
    const membership = { voters, learners: [] };
    const input = { kind: 'configure', nowUs, id: 1, membership, catchUp: false } as const;
    this.saw(leader, step(leader, input));
  }

  /** Of the messages only what the checker looks at. */
  sent(from: NodeId, to: NodeId, part: Said): void {
    this.checker.sent({ from, to, readRound: 0, ...part } as Message);
  }
}

type Said =
  | { kind: 'RequestVote'; term: Term }
  | { kind: 'RequestVoteResponse'; term: Term; voteGranted: boolean }
  | { kind: 'AppendEntriesResponse'; term: Term; success: true; matchIndex: Index }
  | { kind: 'InstallSnapshot'; term: Term; snapshot: SnapshotMeta }
  | { kind: 'InstallSnapshotResponse'; term: Term; status: 'installed' | 'received'; index: Index };

export const vote = (term: Term): Said => {
  return { kind: 'RequestVoteResponse', term, voteGranted: true };
};
export const vouch = (term: Term, matchIndex: Index): Said => {
  return { kind: 'AppendEntriesResponse', term, success: true, matchIndex };
};

/** What n1 commits below. */
export const NOOP: Entry = { index: 1, term: 3, kind: 'noop' };

/** n1 leads term 3 and has committed its no-op 1/3, which n2 holds, too. */
export function committed(world: World, voter?: NodeId): RaftState {
  const n1 = world.start('n1', { term: 2 });
  world.commit(n1, world.elect(n1, voter), 'n2');
  return n1;
}

export function persist(change: Partial<PersistChange>): Effect {
  const nothing = { termAndVote: null, truncateFrom: null, entries: [], compactTo: null };
  return { kind: 'persist', sequence: 9, change: { ...nothing, ...change } };
}

export function configured(index: Index, term: Term, configuration: Configuration): Entry {
  return { index, term, kind: 'configuration', configuration };
}

/** A snapshot of the entries up to this one, in the first configuration unless told otherwise. */
export function snapshotOf(
  index: Index,
  term: Term,
  configuration = { index: 0, configuration: INITIAL },
): SnapshotMeta {
  return { index, term, configuration };
}

export type Case = {
  readonly property: keyof typeof PROPERTIES;
  readonly what: string;
  readonly legal: (world: World) => void;
  readonly broken: (world: World) => void;
  readonly says: string;
};
