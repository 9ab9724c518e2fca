/**
 * What must hold between the servers of a cluster, checked after every step of every server and on
 * every message that leaves: the five properties of Figure 3.2, the monotonic family, and that
 * nothing is promised before it is durable. The observer sees more than any server does: all logs,
 * all disks, and everything that was ever committed.
 *
 * Each check costs O(1) for a step and O(1) for each entry it appends, commits or applies; memory
 * grows with the logs.
 */
import { lastIndex, termAt } from '../src/raft/log.ts';
import type {
  Effect,
  Entry,
  Index,
  Log,
  Message,
  NodeId,
  RaftState,
  Term,
} from '../src/raft/types.ts';

type Property = {
  readonly name: string;
  /** Where the dissertation states it. */
  readonly section: string;
  /** What TLA+ specifications of Raft call it (ccfraft.tla, and raft.tla before it), if they do. */
  readonly tla: string | null;
  readonly what: string;
};

/** Everything that a run is judged by, beside the invariants that every server checks itself. */
export const PROPERTIES = {
  electionSafety: {
    name: 'Election Safety',
    section: '§3.4, figure 3.2',
    tla: 'MoreThanOneLeaderInv, ElectionSafetyInv',
    what: 'at most one leader in a term',
  },
  electedByMajority: {
    name: 'Elected By Majority',
    section: '§3.4',
    tla: 'LeaderVotesQuorum',
    what: 'who leads a term was voted for in that term by a majority',
  },
  leaderAppendOnly: {
    name: 'Leader Append-Only',
    section: '§3.5, figure 3.2',
    tla: 'LeaderAppendOnlyProp',
    what: 'a leader never overwrites or removes entries of its log',
  },
  logMatching: {
    name: 'Log Matching',
    section: '§3.5, figure 3.2',
    tla: 'LogMatchingInv',
    what: 'an entry of the same index and term is the same, and so is all before it',
  },
  leaderCompleteness: {
    name: 'Leader Completeness',
    section: '§3.6, figure 3.2',
    tla: 'LeaderCompletenessInv',
    what: 'what is committed in a term is in the logs of the leaders of all later terms',
  },
  stateMachineSafety: {
    name: 'State Machine Safety',
    section: '§3.6.3, figure 3.2',
    tla: 'LogInv',
    what: 'no two servers apply different entries at an index',
  },
  committedIsDurable: {
    name: 'Committed Is Durable',
    section: '§3.8, §10.2.1',
    tla: 'QuorumLogInv',
    what: 'what a leader commits is on the disks of a majority',
  },
  commitFromLeader: {
    name: 'Commit From Leader',
    section: '§3.5',
    tla: 'CommittedLogAppendOnlyProp',
    what: 'a follower takes for committed only what a leader has committed',
  },
  monotonicTerm: {
    name: 'Monotonic Term',
    section: '§3.3',
    tla: 'MonotonicTermProp',
    what: 'currentTerm never falls, not by a restart either',
  },
  monotonicCommitIndex: {
    name: 'Monotonic Commit Index',
    section: '§3.5',
    tla: 'MonotonicCommitIndexProp',
    what: 'commitIndex never falls while a server runs',
  },
  monotonicLastApplied: {
    name: 'Monotonic Last Applied',
    section: '§3.5',
    tla: null,
    what: 'entries are applied once and in order while a server runs',
  },
  oneVotePerTerm: {
    name: 'One Vote Per Term',
    section: '§3.4',
    tla: 'VotesGrantedInv',
    what: 'a server votes for one candidate in a term, not for another after a restart either',
  },
  persistedBeforePromised: {
    name: 'Persisted Before Promised',
    section: '§3.8',
    tla: null,
    what: 'no message tells of a term, vote or entry that its sender could still lose',
  },
  acknowledgedLossRefused: {
    name: 'Acknowledged Loss Refused',
    section: '§3.8',
    tla: null,
    what: 'a server whose disk lost what it had promised does not start',
  },
  linearizability: {
    name: 'Linearizability',
    section: '§6.3, §6.4; Herlihy and Wing 1990',
    tla: null,
    what: 'every operation seems to take effect at one moment between its call and its return',
  },
  exactlyOnce: {
    name: 'Exactly Once',
    section: '§6.3',
    tla: null,
    what: 'a repeated request takes effect once, and an acknowledged one is not lost',
  },
  replicasEqual: {
    name: 'Replicas Equal',
    section: '§2.1',
    tla: null,
    what: 'state machines that have applied the same entries hold the same, as the model does',
  },
  recovery: {
    name: 'Recovery',
    section: '§3.9',
    tla: null,
    what: 'a healed majority elects one leader, agrees on its log and serves, within the bound',
  },
  boundedWork: {
    name: 'Bounded Work',
    section: '',
    tla: null,
    what: 'messages do not multiply without end',
  },
  noFailure: {
    name: 'No Failure',
    section: '',
    tla: null,
    what: 'a server stops for a crash or for its disk, for nothing else',
  },
} as const satisfies Record<string, Property>;

export class CheckFailure extends Error {
  override name = 'CheckFailure';
  /** As in PROPERTIES. */
  readonly property: string;
  /** When it came to be so, where that is not when it was found. */
  readonly atMs: number | undefined;

  constructor(property: Property, message: string, atMs?: number) {
    super(message);
    this.property = property.name;
    this.atMs = atMs;
  }
}

/** What a server's disk would give back if the power failed now. */
export type Durable = {
  readonly currentTerm: Term;
  readonly votedFor: NodeId | null;
  readonly entries: readonly Entry[];
};

/** What was last seen of a server; of a new one nothing but what it has promised before. */
type Seen = {
  role: RaftState['role'] | null;
  currentTerm: Term;
  votedFor: NodeId | null;
  commitIndex: Index;
  lastApplied: Index;
  /** The last entry that was handed to the state machine. */
  applied: Index;
  readonly log: Log;
};

/** What a server's messages have promised; it outlives its crashes. */
type Told = { term: Term; vouched: Index };

type Committed = { readonly entry: Entry; readonly term: Term };
/** A leader's log at its election ended so. */
type Election = {
  readonly id: NodeId;
  readonly term: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
};
type Known = { readonly entry: Entry; readonly previousTerm: Term };

export class Checker {
  readonly #majority: number;
  readonly #durable: ReadonlyMap<NodeId, Durable>;
  readonly #seen = new Map<NodeId, Seen>();
  readonly #told = new Map<NodeId, Told>();
  readonly #leaders = new Map<Term, NodeId>();
  readonly #elections: Election[] = [];
  /** By term, who voted for whom. */
  readonly #votes = new Map<Term, Map<NodeId, NodeId>>();
  /** By index less 1: every entry any server ever had there, by term. */
  readonly #entries: Map<Term, Known>[] = [];
  /** By index less 1: the entry, and the term of the leader that committed it first. */
  readonly #committed: Committed[] = [];

  constructor(durable: ReadonlyMap<NodeId, Durable>) {
    this.#durable = durable;
    this.#majority = Math.floor(durable.size / 2) + 1;
  }

  /** The highest index that any leader has committed. */
  get committedIndex(): Index {
    return this.#committed.length;
  }

  /** The role in which a server was last seen. */
  roleOf(id: NodeId): RaftState['role'] | null {
    return this.#seen.get(id)?.role ?? null;
  }

  /** A server has started, for the first time or again, from what its disk held. */
  started(state: RaftState): void {
    const { id, persistent, volatile, role } = state;
    const { currentTerm, votedFor } = persistent;
    const told = this.#told.get(id);
    if (told !== undefined) {
      if (currentTerm < told.term) {
        fail('monotonicTerm', `${id} starts in term ${currentTerm} and was in term ${told.term}`);
      }
      const last = lastIndex(persistent.log);
      if (last < told.vouched) {
        const has = `has vouched for ${told.vouched}`;
        fail('acknowledgedLossRefused', `${id} starts with ${last} entries and ${has}`);
      }
      const vote = this.#votes.get(currentTerm)?.get(id);
      if (vote !== undefined && vote !== votedFor) {
        const has = `starts with a vote for ${votedFor ?? 'nobody'}`;
        fail('oneVotePerTerm', `${id} voted for ${vote} in term ${currentTerm} and ${has}`);
      }
    }
    this.#seen.set(id, {
      role,
      currentTerm,
      votedFor,
      commitIndex: volatile.commitIndex,
      lastApplied: volatile.lastApplied,
      applied: volatile.lastApplied,
      log: persistent.log,
    });
    if (volatile.commitIndex > 0) this.#followCommit(state, 0);
    for (const entry of persistent.log.entries) this.#matchLog(state, entry);
  }

  /** After every step; the effects are not carried out yet. */
  stepped(effects: readonly Effect[], state: RaftState): void {
    const seen = this.#seen.get(state.id);
    if (seen === undefined) throw new Error(`${state.id} has not started`);
    const { persistent, volatile, role } = state;
    const led = role.kind === 'leader' && seen.role === role;
    for (const effect of effects) {
      if (effect.kind === 'persist') {
        const { truncateFrom, entries } = effect.change;
        if (led && truncateFrom !== null) {
          fail('leaderAppendOnly', `${state.id} leads and cuts its log from ${truncateFrom} on`);
        }
        const told = this.#told.get(state.id);
        // A later leader has it removed: what was vouched for to an earlier one need not last.
        if (told !== undefined && truncateFrom !== null) {
          told.vouched = Math.min(told.vouched, truncateFrom - 1);
        }
        for (const entry of entries) this.#matchLog(state, entry);
      } else if (effect.kind === 'apply') {
        for (const entry of effect.entries) this.#apply(state.id, seen, entry);
      }
    }
    this.#checkMonotonic(state, seen);
    if (role !== seen.role && role.kind === 'leader') this.#elected(state);
    if (volatile.commitIndex > seen.commitIndex) {
      if (role.kind === 'leader') this.#commit(state, seen.commitIndex);
      else this.#followCommit(state, seen.commitIndex);
    }
    if (seen.applied > Math.min(volatile.commitIndex, this.#committed.length)) {
      const known = `${volatile.commitIndex} is committed as far as it knows`;
      fail('stateMachineSafety', `${state.id} has applied entry ${seen.applied}, where ${known}`);
    }
    seen.role = role;
    seen.currentTerm = persistent.currentTerm;
    seen.votedFor = persistent.votedFor;
    seen.commitIndex = volatile.commitIndex;
    seen.lastApplied = volatile.lastApplied;
  }

  /** A message leaves its sender: what it promises must outlive a crash at this very moment. */
  sent(message: Message): void {
    const { from, term } = message;
    const durable = this.#durable.get(from);
    if (durable === undefined) throw new Error(`${from} has no disk`);
    if (durable.currentTerm < term) {
      const has = `its disk has term ${durable.currentTerm}`;
      fail('persistedBeforePromised', `${from} tells ${message.to} of term ${term}, ${has}`);
    }
    let told = this.#told.get(from);
    if (told === undefined) {
      told = { term: 0, vouched: 0 };
      this.#told.set(from, told);
    }
    told.term = Math.max(told.term, term);
    if (message.kind === 'RequestVote') this.#vote(from, term, from, durable);
    else if (message.kind === 'RequestVoteResponse' && message.voteGranted) {
      this.#vote(from, term, message.to, durable);
    } else if (message.kind === 'AppendEntriesResponse' && message.success) {
      const { matchIndex } = message;
      // Once its disk is a term further, a new leader may have cut what was promised to the old.
      if (durable.currentTerm === term) {
        told.vouched = Math.max(told.vouched, matchIndex);
        this.#vouch(from, term, matchIndex, durable);
      }
    }
  }

  #vote(voter: NodeId, term: Term, candidate: NodeId, durable: Durable): void {
    let votes = this.#votes.get(term);
    if (votes === undefined) {
      votes = new Map();
      this.#votes.set(term, votes);
    }
    const before = votes.get(voter);
    if (before !== undefined && before !== candidate) {
      fail('oneVotePerTerm', `${voter} votes for ${before} and for ${candidate} in term ${term}`);
    }
    votes.set(voter, candidate);
    if (durable.currentTerm === term && durable.votedFor !== candidate) {
      const has = `its disk has a vote for ${durable.votedFor ?? 'nobody'}`;
      fail('persistedBeforePromised', `${voter} votes for ${candidate} in term ${term}, ${has}`);
    }
  }

  #vouch(id: NodeId, term: Term, index: Index, { entries }: Durable): void {
    if (index > entries.length) {
      const has = `its disk has ${entries.length}`;
      fail('persistedBeforePromised', `${id} vouches for entry ${index}, ${has}`);
    }
    const seen = this.#seen.get(id);
    if (index === 0 || seen?.currentTerm !== term) return;
    const own = termAt(seen.log, index);
    const kept = entries[index - 1]?.term;
    if (own === kept) return;
    const has = `of term ${own}, its disk has one of term ${kept}`;
    fail('persistedBeforePromised', `${id} vouches for entry ${index} ${has}`);
  }

  /**
   * Each pair of index and term names one entry with one predecessor, so by induction the logs
   * before it are equal, too.
   */
  #matchLog(state: RaftState, entry: Entry): void {
    const { index, term } = entry;
    const previousTerm = termAt(state.persistent.log, index - 1);
    // The step has gone on and removed it again.
    if (previousTerm === undefined) return;
    let known = this.#entries[index - 1];
    if (known === undefined) {
      known = new Map();
      this.#entries[index - 1] = known;
    }
    const other = known.get(term);
    if (other === undefined) {
      known.set(term, { entry, previousTerm });
      return;
    }
    if (other.previousTerm !== previousTerm) {
      fail(
        'logMatching',
        `entry ${index} of term ${term} follows one of term ${previousTerm} on ${state.id} ` +
          `and one of term ${other.previousTerm} elsewhere`,
      );
    }
    if (!sameEntry(other.entry, entry)) {
      fail('logMatching', `entry ${index} of term ${term} on ${state.id} differs from another's`);
    }
  }

  #apply(id: NodeId, seen: Seen, entry: Entry): void {
    if (entry.index !== seen.applied + 1) {
      fail('monotonicLastApplied', `${id} applies entry ${entry.index} after ${seen.applied}`);
    }
    seen.applied = entry.index;
    const committed = this.#committed[entry.index - 1];
    if (committed === undefined || sameEntry(committed.entry, entry)) return;
    const { index, term } = entry;
    fail(
      'stateMachineSafety',
      `${id} applies entry ${index} of term ${term} where one of term ` +
        `${committed.entry.term} is committed`,
    );
  }

  #checkMonotonic({ id, persistent, volatile }: RaftState, seen: Seen): void {
    const { currentTerm, votedFor } = persistent;
    if (currentTerm < seen.currentTerm) {
      fail('monotonicTerm', `${id} goes from term ${seen.currentTerm} back to ${currentTerm}`);
    }
    if (currentTerm === seen.currentTerm && seen.votedFor !== null && votedFor !== seen.votedFor) {
      const now = votedFor ?? 'nobody';
      fail('oneVotePerTerm', `${id} voted for ${seen.votedFor}, now ${now}, in ${currentTerm}`);
    }
    if (volatile.commitIndex < seen.commitIndex) {
      const { commitIndex } = volatile;
      fail('monotonicCommitIndex', `${id} goes from ${seen.commitIndex} back to ${commitIndex}`);
    }
    if (volatile.lastApplied < seen.lastApplied) {
      const { lastApplied } = volatile;
      fail('monotonicLastApplied', `${id} goes from ${seen.lastApplied} back to ${lastApplied}`);
    }
  }

  #elected(state: RaftState): void {
    const { id, persistent } = state;
    const { currentTerm, log } = persistent;
    const other = this.#leaders.get(currentTerm);
    if (other !== undefined && other !== id) {
      fail('electionSafety', `${id} and ${other} are leaders of term ${currentTerm}`);
    }
    this.#leaders.set(currentTerm, id);
    this.#elections.push({
      id,
      term: currentTerm,
      lastIndex: lastIndex(log),
      lastTerm: termAt(log, lastIndex(log)) ?? 0,
    });
    // Its own vote may have reached no one else.
    const votes = new Set([id]);
    for (const [voter, candidate] of this.#votes.get(currentTerm) ?? []) {
      if (candidate === id) votes.add(voter);
    }
    if (votes.size < this.#majority) {
      const by = [...votes].join(', ');
      fail('electedByMajority', `${id} leads term ${currentTerm} with the votes of ${by} alone`);
    }
    // A candidate whose last vote was long on its way may lead a term that others have left; what
    // was committed in later terms it need not have.
    let index = this.#committed.length;
    while (index > 0 && (this.#committed[index - 1] as Committed).term >= currentTerm) index--;
    if (index === 0) return;
    const { entry } = this.#committed[index - 1] as Committed;
    const has = index <= lastIndex(log) ? termAt(log, index) : undefined;
    if (has !== entry.term) {
      const instead = has === undefined ? 'nothing' : `one of term ${has}`;
      fail(
        'leaderCompleteness',
        `${id} leads term ${currentTerm} with ${instead} at ${index}, ` +
          `where one of term ${entry.term} is committed`,
      );
    }
  }

  #commit(state: RaftState, from: Index): void {
    const { commitIndex } = state.volatile;
    this.#compareCommitted(state, from);
    for (let index = this.#committed.length + 1; index <= commitIndex; index++) {
      const entry = entryAt(state, index);
      this.#committed.push({ entry, term: state.persistent.currentTerm });
    }
    const { term } = entryAt(state, commitIndex);
    this.#checkLaterLeaders(state, commitIndex, term);
    let holders = 0;
    for (const { entries } of this.#durable.values()) {
      if (entries[commitIndex - 1]?.term === term) holders++;
    }
    if (holders < this.#majority) {
      const where = `it is on ${holders} disks of ${this.#durable.size}`;
      fail('committedIsDurable', `${state.id} commits entry ${commitIndex}, ${where}`);
    }
  }

  /** A leader that others have left commits: those who lead later terms must have it. */
  #checkLaterLeaders({ id, persistent }: RaftState, index: Index, term: Term): void {
    for (let i = this.#elections.length - 1; i >= 0; i--) {
      const election = this.#elections[i] as Election;
      if (election.term <= persistent.currentTerm) continue;
      if (this.#termAt(election, index) === term) continue;
      fail(
        'leaderCompleteness',
        `${id} of term ${persistent.currentTerm} commits entry ${index} of term ${term}, ` +
          `which ${election.id} did not have when it came to lead term ${election.term}`,
      );
    }
  }

  /** The term at an index of a log that ended so; each entry knows the one before it. */
  #termAt({ lastIndex: end, lastTerm }: Election, index: Index): Term | undefined {
    if (index > end) return undefined;
    let term: Term | undefined = lastTerm;
    for (let at = end; at > index && term !== undefined; at--) {
      term = this.#entries[at - 1]?.get(term)?.previousTerm;
    }
    return term;
  }

  #followCommit(state: RaftState, from: Index): void {
    const { commitIndex } = state.volatile;
    if (commitIndex > this.#committed.length) {
      const by = `leaders have committed ${this.#committed.length}`;
      fail('commitFromLeader', `${state.id} takes entry ${commitIndex} for committed, ${by}`);
    }
    this.#compareCommitted(state, from);
  }

  #compareCommitted(state: RaftState, from: Index): void {
    const to = Math.min(state.volatile.commitIndex, this.#committed.length);
    for (let index = from + 1; index <= to; index++) {
      const { entry } = this.#committed[index - 1] as Committed;
      const own = entryAt(state, index);
      if (sameEntry(entry, own)) continue;
      fail(
        'stateMachineSafety',
        `${state.id} takes entry ${index} of term ${own.term} for committed, ` +
          `where one of term ${entry.term} is`,
      );
    }
  }
}

function fail(property: keyof typeof PROPERTIES, message: string): never {
  throw new CheckFailure(PROPERTIES[property], message);
}

function entryAt(state: RaftState, index: Index): Entry {
  const { log } = state.persistent;
  const entry = log.entries[index - log.baseIndex - 1];
  if (entry === undefined) throw new Error(`${state.id} has no entry ${index}`);
  return entry;
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind) return false;
  if (a.kind === 'command' && b.kind === 'command') return sameBytes(a.command, b.command);
  if (a.kind === 'configuration' && b.kind === 'configuration') {
    return JSON.stringify(a.configuration) === JSON.stringify(b.configuration);
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
