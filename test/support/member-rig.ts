/**
 * A member on a real data directory with the network in a test's hands. Every call of its storage
 * is a moment at which it may crash: what its directory holds then is kept, beside what it has
 * promised by then. The rules by which the two are compared are Raft's (figure 3.1, §3.8).
 */
import { crc32 } from 'node:zlib';
import { nowUs } from '../../src/clock.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { Member, readMember } from '../../src/member.ts';
import { firstMember, type KnownMembers, type MemberRecord } from '../../src/member-record.ts';
import { memberName } from '../../src/raft/identity.ts';
import { checkState } from '../../src/raft/invariants.ts';
import { lastTerm, termAt } from '../../src/raft/log.ts';
import { create } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type { Entry, Index, Message, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import { SqliteStorage } from '../../src/storage/sqlite.ts';
import type { PeerIdentity } from '../../src/transport/handshake.ts';
import { Turns } from '../../src/turns.ts';
import { until } from './http-wait.ts';
import { putBatch } from './node-rig.ts';
import { copyFolder, IN_MEMORY, newFolder } from './sqlite-medium.ts';
import { close, load, readBack } from './storages.ts';
import { watched } from './watched-storage.ts';

export const [SELF, SECOND, THIRD] = [
  '127.0.0.1:9001',
  '127.0.0.1:9002',
  '127.0.0.1:9003',
] as const;
const CLUSTER = 'crash-lab';
/** Whoever hears from no leader asks others before it takes part in anything (§9.6). */
const ENVIRONMENT = { NODE_ID: SELF, CLUSTER_ID: CLUSTER, ELECTION_TIMEOUT_MS: '1000-2000' };
export const INCARNATION = 77;
export const WAITING_NAME = memberName(SELF, INCARNATION);

/** Distributes over the members of the union, so that each keeps its own fields. */
type Part<T> = T extends Message ? Omit<T, 'from' | 'to'> : never;

/** What has left a server, or what it let in: after no crash may it be contradicted. */
export type Promises = {
  /** Under which name it was known outside; `null`: under none. */
  name: NodeId | null;
  term: Term;
  /** By name and term. */
  readonly votes: Map<string, NodeId>;
  /** Terms of the entries that it vouched for, by index. */
  readonly entries: Map<Index, Term>;
  /** The last snapshot that it said it has. */
  installed: Index;
  readonly met: Map<NodeId, number>;
};

export type Crash = { readonly what: string; readonly folder: string; readonly promises: Promises };

export function first(): MemberRecord {
  return firstMember(CLUSTER, SELF, [SECOND, THIRD], INCARNATION);
}

export function peer(id: string, incarnation = 5): PeerIdentity {
  const firstMembers = [SELF, SECOND, THIRD];
  return { id, name: id, incarnation, publicUrl: null, waiting: false, firstMembers };
}

function configOf(settings: Partial<Config['settings']>): Config {
  const request = readConfig([], ENVIRONMENT, 80);
  if (request.kind !== 'run') throw new Error('expected the settings of a server');
  // On a busy machine it must not begin an election between two messages of its leader.
  const patient = { electionTimeoutMs: [20_000, 40_000] } as const;
  return { ...request.config, settings: { ...request.config.settings, ...patient, ...settings } };
}

export type RigOptions = {
  /** What another left there; this one is not crashed again. */
  readonly folder?: string;
  readonly settings?: Partial<Config['settings']>;
};

export class MemberRig {
  readonly folder: string;
  /** In order: calls of the storage with their phases, and what left meanwhile. */
  readonly events: string[] = [];
  readonly crashes: Crash[] = [];
  readonly sent: Message[] = [];
  readonly failures: Error[] = [];
  /** Called at each phase of each call. */
  onPhase: (call: string) => void = () => {};
  readonly #turns = new Turns(() => this.member.node.flush());
  readonly #settings: Partial<Config['settings']>;
  readonly #crashes: boolean;
  #stopped = false;
  #promises: Promises = {
    name: null,
    term: 0,
    votes: new Map(),
    entries: new Map(),
    installed: 0,
    met: new Map(),
  };
  #member: Member | null = null;

  constructor(options: RigOptions = {}) {
    this.folder = options.folder ?? newFolder(IN_MEMORY);
    this.#settings = options.settings ?? {};
    this.#crashes = options.folder === undefined;
  }

  get member(): Member {
    if (this.#member === null) throw new Error('the member has not been started');
    return this.#member;
  }

  get state(): RaftState {
    return this.member.node.state;
  }

  /** Opened and started, as `record` says where the disk is blank. */
  async start(record: () => MemberRecord = first): Promise<this> {
    const storage = watched(
      await SqliteStorage.open({ folder: this.folder, checksum: crc32 }),
      (call, phase) => this.#crashMayCome(call, phase),
    );
    this.#member = await Member.open(
      {
        config: configOf(this.#settings),
        transport: { send: (message) => this.#send(message), close: () => {} },
        turns: this.#turns,
        seed: 1,
        observe: () => this.#turns.flushSoon(),
        onFlaw: (from, flaw) => this.failures.push(new Error(`${from}: ${flaw}`)),
        onFailure: (error) => this.failures.push(error),
      },
      storage,
      record,
    );
    // From now on it says who it is to whoever asks.
    this.events.push('known outside');
    this.#promises.name = this.member.record.name;
    await this.member.start();
    return this;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#turns.stop();
    await this.member.stop();
  }

  receive(from: NodeId, part: Part<Message>, to = this.member.record.name): void {
    this.member.node.receive({ ...part, from, to } as Message);
    this.#turns.flushSoon();
  }

  async letIn(identity: PeerIdentity): Promise<boolean> {
    const refusal = await this.member.judge(identity, 'messages');
    this.events.push(`${refusal === null ? 'let in' : 'refused'} ${identity.name}`);
    // Who waits to be joined takes everybody for whoever comes.
    const isMet = refusal === null && !this.member.isWaiting;
    if (isMet) this.#promises.met.set(identity.name, identity.incarnation);
    return refusal === null;
  }

  // ---- What others send -------------------------------------------------------------------------

  /** With leave to disrupt: nobody waits for a leader that was heard from (§4.2.3). */
  askForVote(from: NodeId, term: Term, last: Index = 0, lastTerm: Term = 0, to?: NodeId): void {
    const kind = 'RequestVote';
    const candidate = { lastLogIndex: last, lastLogTerm: lastTerm, leadershipTransfer: true };
    this.receive(from, { kind, term, ...candidate }, to);
  }

  append(from: NodeId, term: Term, entries: readonly Entry[], leaderCommit = 0): void {
    const prevLogIndex = (entries[0]?.index ?? 1) - 1;
    this.receive(from, {
      kind: 'AppendEntries',
      term,
      prevLogIndex,
      prevLogTerm: termAt(this.state.persistent.log, prevLogIndex) ?? 0,
      entries,
      leaderCommit,
      readRound: 0,
      attempt: 0,
      sentUs: nowUs(),
      roundTripUs: 0,
    });
  }

  /** Resolves with the answer that comes after `ask`. */
  async answerTo<K extends Message['kind']>(
    ask: () => void,
    kind: K,
  ): Promise<Extract<Message, { kind: K }>> {
    const before = this.sent.length;
    ask();
    let found: Message | undefined;
    await until(`a ${kind}`, () => {
      found = this.sent.slice(before).find((message) => message.kind === kind);
      return found !== undefined;
    });
    return found as Extract<Message, { kind: K }>;
  }

  // ---- What is promised -------------------------------------------------------------------------

  #send(message: Message): void {
    this.sent.push(message);
    const promises = this.#promises;
    // A question for a term that nobody is in yet promises nothing (§9.6).
    if (message.kind !== 'PreVote') promises.term = Math.max(promises.term, message.term);
    if (message.kind === 'RequestVote') this.#voted(message.from, message.term, message.from);
    if (message.kind === 'RequestVoteResponse' && message.voteGranted) {
      this.#voted(message.from, message.term, message.to);
    }
    if (message.kind === 'AppendEntriesResponse' && message.success) {
      for (let index = 1; index <= message.matchIndex; index++) {
        const term = termAt(this.state.persistent.log, index);
        if (term !== undefined) promises.entries.set(index, term);
      }
    }
    if (message.kind === 'InstallSnapshotResponse' && message.status === 'installed') {
      promises.installed = Math.max(promises.installed, message.index);
    }
    this.events.push(`sent ${message.kind}`);
  }

  #voted(name: NodeId, term: Term, candidate: NodeId): void {
    this.#promises.votes.set(`${name} in ${term}`, candidate);
  }

  #crashMayCome(call: string, phase: string): void {
    this.events.push(`${phase} ${call}`);
    this.onPhase(`${phase} ${call}`);
    if (!this.#crashes) return;
    const folder = newFolder(IN_MEMORY);
    copyFolder(this.folder, folder);
    const { votes, entries, met, ...rest } = this.#promises;
    const promises = {
      ...rest,
      votes: new Map(votes),
      entries: new Map(entries),
      met: new Map(met),
    };
    this.crashes.push({ what: `${this.events.length}: ${phase} ${call}`, folder, promises });
  }
}

export function puts(from: Index, to: Index, term: Term): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const index = from + i;
    return { index, term, kind: 'command', command: putBatch(90, index) };
  });
}

// ---- After a crash ------------------------------------------------------------------------------

/** What in a directory contradicts what was promised, or cannot be; `null` if nothing does. */
export async function contradiction({ folder, promises }: Crash): Promise<string | null> {
  const storage = await SqliteStorage.open({ folder, checksum: crc32 });
  try {
    const { record, known } = await readMember(storage);
    const stored = await load(storage);
    if (record === null) return promises.name === null ? null : 'it does not know who it was';
    const { id, incarnation, name, configuration } = record;
    if (id !== SELF || incarnation !== INCARNATION) return `it is ${id} ${incarnation} now`;
    const { settings } = configOf({});
    const start = { id: name, configuration, settings, rng: fork(0, name), nowUs: 0 };
    const state = create({ ...start, ...stored });
    checkState(state);
    const { snapshot } = stored;
    if (stored.baseIndex > (snapshot?.index ?? 0)) return 'its log begins behind its snapshot';
    if (snapshot !== null) await readBack(storage, snapshot.index);
    return broken(promises, state, known);
  } finally {
    await close(storage);
  }
}

function broken(promises: Promises, state: RaftState, known: KnownMembers): string | null {
  const { currentTerm, votedFor, log } = state.persistent;
  if (currentTerm < promises.term && state.id === promises.name) {
    return `it is in term ${currentTerm} and was in ${promises.term}`;
  }
  const candidate = promises.votes.get(`${state.id} in ${currentTerm}`);
  if (candidate !== undefined && candidate !== votedFor) {
    return `it voted for ${candidate} in term ${currentTerm}, and holds ${votedFor}`;
  }
  for (const [index, term] of promises.entries) {
    const found = termAt(log, index);
    // A later leader may have cut it, with what it brought instead (§3.5).
    if (index <= log.baseIndex || found === term || lastTerm(log) > term) continue;
    return `entry ${index} is of term ${found}`;
  }
  if (log.baseIndex < promises.installed) return `it does not have ${promises.installed}`;
  for (const [name, incarnation] of promises.met) {
    if (known[name] !== incarnation) return `it let in ${name} as ${incarnation}, and forgot`;
  }
  return null;
}
