/**
 * What the tests of the core share: settings, logs from a row of terms, commands that read as text.
 */

import { lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import { peersOf } from '../../src/raft/quorum.ts';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type {
  AppendEntries,
  Configuration,
  Effect,
  Entry,
  Membership,
  Message,
  NodeId,
  RaftState,
  Settings,
  Term,
} from '../../src/raft/types.ts';
import { LIMITS } from '../support/settings.ts';

/** The dissertation's usual timeouts (§3.4), everything switched on, windows and batches small. */
export const SETTINGS: Settings = {
  electionTimeoutMs: [150, 300],
  heartbeatMs: 50,
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 4,
  batchEntries: 8,
  batchBytes: 65_536,
  ...LIMITS,
};

/** The Raft of chapter 3: none of what later chapters add. */
export const CHAPTER_3: Settings = {
  ...SETTINGS,
  preVote: false,
  checkQuorum: false,
  leaderStickiness: false,
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeCommand(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decodeCommand(command: Uint8Array): string {
  return decoder.decode(command);
}

export function simple(...voters: NodeId[]): Configuration {
  return { voters, outgoing: [], learners: [] };
}

/** As figure 3.6 draws logs, a term per entry: `entriesOf([1, 1, 4])` is 1/1 c1, 2/1 c2, 3/4 c3. */
export function entriesOf(terms: readonly Term[], fromIndex = 1): Entry[] {
  return terms.map((term, i) => {
    const index = fromIndex + i;
    return Object.freeze({ index, term, kind: 'command', command: encodeCommand(`c${index}`) });
  });
}

export type ServerOptions = {
  readonly id?: NodeId;
  readonly voters?: readonly NodeId[];
  readonly settings?: Partial<Settings>;
  readonly term?: Term;
  readonly vote?: NodeId | null;
  /** The log, a term per entry. */
  readonly terms?: readonly Term[];
};

/** A follower at time 0, `n1` of three unless told otherwise. */
export function server(options: ServerOptions = {}): RaftState {
  const id = options.id ?? 'n1';
  const terms = options.terms ?? [];
  return create({
    id,
    settings: { ...SETTINGS, ...options.settings },
    rng: fork(1, `raft ${id}`),
    nowUs: 0,
    configuration: simple(...(options.voters ?? ['n1', 'n2', 'n3'])),
    currentTerm: options.term ?? terms.at(-1) ?? 0,
    votedFor: options.vote ?? null,
    snapshot: null,
    baseIndex: 0,
    baseTerm: 0,
    entries: entriesOf(terms),
  });
}

/** Distributes over the members of the union, so that each keeps its own fields. */
type Part<T> = T extends Message ? Omit<T, 'from' | 'to'> : never;

/** A message to `state` from another server. */
export function receive(state: RaftState, from: NodeId, part: Part<Message>, nowUs = 0): Effect[] {
  const message = { ...part, from, to: state.id } as Message;
  return step(state, { kind: 'message', message, nowUs });
}

export function sent(effects: readonly Effect[]): Message[] {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));
}

/** The messages of one kind that the effects send. */
export function sentOf<K extends Message['kind']>(
  effects: readonly Effect[],
  kind: K,
): (Message & { kind: K })[] {
  return sent(effects).filter((message): message is Message & { kind: K } => message.kind === kind);
}

export function termsOf(state: RaftState): Term[] {
  return state.persistent.log.entries.map((entry) => entry.term);
}

/** Reports everything durable. */
export function persistAll(state: RaftState, nowUs = 0): Effect[] {
  return step(state, { kind: 'persisted', sequence: state.volatile.persistSequence, nowUs });
}

/** Fires the timer when it is due. Returns the effects; `nowUs` is then the deadline before. */
export function timeout(state: RaftState): { nowUs: number; effects: Effect[] } {
  const nowUs = nextDeadlineUs(state);
  return { nowUs, effects: step(state, { kind: 'timer', nowUs }) };
}

/** Makes the server leader of its next term, by the votes of all others. Returns when that was. */
export function elect(state: RaftState): { nowUs: number; effects: Effect[] } {
  const { nowUs } = timeout(state);
  const others = state.persistent.log.configurations[0]?.configuration.voters ?? [];
  let effects: Effect[] = [];
  for (const kind of ['PreVoteResponse', 'RequestVoteResponse'] as const) {
    for (const from of others) {
      const { role } = state;
      if (from === state.id || role.kind === 'leader' || role.kind === 'follower') continue;
      const term = state.persistent.currentTerm;
      if (kind === 'RequestVoteResponse' && role.kind === 'candidate') {
        effects = receive(state, from, { kind, term, voteGranted: true }, nowUs);
      } else if (kind === 'PreVoteResponse' && role.kind === 'preCandidate') {
        receive(state, from, { kind, term, requestTerm: term, voteGranted: true }, nowUs);
      }
    }
  }
  if (state.role.kind !== 'leader') throw new Error(`${state.id} was not elected`);
  return { nowUs, effects };
}

/** A leader whose no-op is committed, acknowledged by all others, and when that was. */
export function settledLeader(options: ServerOptions = {}): { leader: RaftState; nowUs: number } {
  const leader = server(options);
  const { nowUs } = elect(leader);
  commitAll(leader, nowUs);
  return { leader, nowUs };
}

/** The leader's disk and all other members acknowledge the whole of its log. */
export function commitAll(leader: RaftState, nowUs: number): Effect[] {
  const effects = persistAll(leader, nowUs);
  const { log } = leader.persistent;
  for (const peer of peersOf(latestConfiguration(log), leader.id)) {
    effects.push(...acknowledge(leader, peer, lastIndex(log), nowUs));
  }
  return effects;
}

export function configure(
  state: RaftState,
  membership: Partial<Membership>,
  nowUs: number,
  catchUp = false,
): Effect[] {
  const wanted = { voters: [], learners: [], ...membership };
  return step(state, { kind: 'configure', id: 1, membership: wanted, catchUp, nowUs });
}

/** What the answers among the effects say, in a word. */
export function answers(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== 'answer') return [];
    return [effect.answer.kind === 'rejected' ? effect.answer.reason : effect.answer.kind];
  });
}

/** The configuration that a server goes by. */
export function configurationOf({ persistent }: RaftState): Configuration {
  return latestConfiguration(persistent.log);
}

export function propose(state: RaftState, text: string, nowUs: number, id = 1): Effect[] {
  return step(state, { kind: 'propose', id, command: encodeCommand(text), nowUs });
}

export function read(state: RaftState, id: number, nowUs: number): Effect[] {
  return step(state, { kind: 'read', id, mode: 'readIndex', nowUs });
}

/** A follower acknowledges the leader's log up to `matchIndex`, as soon as it was asked. */
export function acknowledge(
  state: RaftState,
  from: NodeId,
  matchIndex: number,
  nowUs: number,
  readRound = 0,
): Effect[] {
  const term = state.persistent.currentTerm;
  const kind = 'AppendEntriesResponse';
  return receive(
    state,
    from,
    { kind, term, success: true, matchIndex, readRound, attempt: 0, sentUs: nowUs },
    nowUs,
  );
}

/** An AppendEntries of which only what matters is given. */
export function appendEntries(
  part: Partial<AppendEntries> & Pick<AppendEntries, 'from' | 'to' | 'term'>,
): AppendEntries {
  return {
    kind: 'AppendEntries',
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: [],
    leaderCommit: 0,
    readRound: 0,
    attempt: 0,
    sentUs: 0,
    roundTripUs: 0,
    ...part,
  };
}

/** A leader of `term` sends what follows `prevLogIndex`, the entries given by their terms. */
export function append(
  state: RaftState,
  from: NodeId,
  part: {
    readonly term: Term;
    readonly prev?: readonly [index: number, term: Term];
    readonly terms?: readonly Term[];
    readonly commit?: number;
    readonly round?: number;
  },
  nowUs = 0,
): Effect[] {
  const [prevLogIndex, prevLogTerm] = part.prev ?? [0, 0];
  const entries = entriesOf(part.terms ?? [], prevLogIndex + 1);
  const { term, commit: leaderCommit = 0, round: readRound = 0 } = part;
  const message = appendEntries({
    from,
    to: state.id,
    term,
    prevLogIndex,
    prevLogTerm,
    entries,
    leaderCommit,
    readRound,
    sentUs: nowUs,
  });
  return step(state, { kind: 'message', message, nowUs });
}
