/** Which places a run has come to (places.ts). Costs O(1) for a step, an effect or an answer. */
import type { Status } from '../../src/command.ts';
import { latestConfiguration } from '../../src/raft/log.ts';
import type {
  Configuration,
  Effect,
  Entry,
  Input,
  Message,
  NodeId,
  PersistChange,
  RaftState,
  Term,
} from '../../src/raft/types.ts';
import type { Place } from '../places.ts';
import type { Schedule } from '../schedule.ts';
import type { Member } from './member.ts';

const LONG_ANSWER_BYTES = 2 ** 16;
const US_PER_MS = 1000;
/** As servers have them (src/snapshots.ts, src/slots.ts). */
const SLICE_BYTES = 2 ** 16;
const BUCKET_SLOTS = 4096;

const ANSWERS: Readonly<Partial<Record<Status, Place>>> = {
  notLeader: 'answeredNotLeader',
  notExecuted: 'answeredNotExecuted',
  outcomeUnknown: 'answeredOutcomeUnknown',
  overloaded: 'answeredOverloaded',
  stale: 'answeredStale',
  sessionExpired: 'answeredSessionExpired',
};

/** What is remembered of a server. */
type Known = {
  isTaking: boolean;
  /** When it last voted or heard its leader; -1 if never. */
  promisedUs: number;
  role: RaftState['role'] | null;
  confirmedRound: number;
};

export class Reach {
  readonly reached = new Set<Place>();
  readonly #schedule: Schedule;
  readonly #nowUs: () => number;
  readonly #arrived: (place: Place, member: Member) => void;
  readonly #known = new Map<Member, Known>();
  /** Terms in which an election was asked for, and by whom it was begun. */
  readonly #transfers = new Map<Term, NodeId>();
  readonly #sliceBytes: number;
  readonly #bucketSlots: number;

  /** `arrived` is called each time that a place is come to. */
  constructor(
    schedule: Schedule,
    nowUs: () => number,
    arrived: (place: Place, member: Member) => void,
  ) {
    this.#schedule = schedule;
    this.#nowUs = nowUs;
    this.#arrived = arrived;
    this.#sliceBytes = schedule.sizes?.sliceBytes ?? SLICE_BYTES;
    this.#bucketSlots = schedule.sizes?.bucketSlots ?? BUCKET_SLOTS;
  }

  started(member: Member): void {
    const known = this.#of(member);
    known.isTaking = false;
    known.role = null;
    const [electionTimeoutMs] = this.#schedule.settings.electionTimeoutMs;
    const sinceUs = this.#nowUs() - known.promisedUs;
    if (known.promisedUs >= 0 && sinceUs < electionTimeoutMs * US_PER_MS) {
      this.#reach('restartedWithinPromise', member);
    }
    const { disk } = member;
    if (disk.snapshotData.byteLength > 2 * this.#sliceBytes)
      this.#reach('restoredInSlices', member);
    if (this.#schedule.asBytes === true && disk.entries.length > 0) {
      this.#reach('restartedWithBytes', member);
    }
  }

  crashed(member: Member): void {
    if (this.#of(member).isTaking) this.#reach('crashedWhileTaking', member);
    const receiving = member.raft?.volatile.receiving ?? null;
    if (receiving !== null) this.#reach('crashedWhileReceiving', member);
  }

  sent(message: Message, member: Member): void {
    switch (message.kind) {
      case 'TimeoutNow':
        this.#reach('timeoutNowSent', member);
        break;
      case 'RequestVote':
        if (message.leadershipTransfer) this.#transfers.set(message.term, message.from);
        break;
      case 'ReadIndex':
        this.#reach('readIndexAsked', member);
        break;
      case 'ReadIndexResponse':
        if (message.index !== null) this.#reach('readIndexAnswered', member);
        break;
      case 'InstallSnapshot':
        if (message.offset > 0) this.#reach('laterChunkSent', member);
        break;
    }
  }

  stepped(member: Member, input: Input, effects: readonly Effect[], state: RaftState): void {
    const known = this.#of(member);
    if (input.kind === 'snapshotSaved') this.#saved(member, known);
    if (input.kind === 'snapshotReceived') this.#reach('snapshotReceived', member);
    if (input.kind === 'message' && input.message.kind === 'AppendEntries') {
      known.promisedUs = this.#nowUs();
    }
    for (const effect of effects) this.#carriedOut(member, known, input, effect, state);
    const { role } = state;
    if (role.kind === 'leader') {
      if (known.role !== role) this.#elected(member, state);
      known.confirmedRound = role.confirmedRound;
    }
    known.role = role;
  }

  answered(member: Member, status: Status): void {
    const place = ANSWERS[status];
    if (place !== undefined) this.#reach(place, member);
  }

  delivered(member: Member, bytes: number): void {
    if (bytes > LONG_ANSWER_BYTES) this.#reach('answerOver64KiB', member);
  }

  #carriedOut(member: Member, known: Known, input: Input, effect: Effect, state: RaftState): void {
    switch (effect.kind) {
      case 'persist':
        this.#persisted(member, known, effect.change, state);
        break;
      case 'apply':
        this.#applied(member, known, effect.entries, state);
        break;
      case 'takeSnapshot':
        known.isTaking = true;
        this.#reach('snapshotBegun', member);
        break;
      case 'receiveChunk':
        if (effect.offset === 0) this.#reach('snapshotReceiving', member);
        break;
      case 'install':
        known.isTaking = false;
        this.#reach('snapshotInstalled', member);
        break;
      case 'answer':
        if (input.kind === 'read' && effect.answer.kind === 'readable') {
          this.#readAtOnce(member, known, state);
        }
        break;
    }
  }

  #persisted(member: Member, known: Known, change: PersistChange, state: RaftState): void {
    const { compactTo, entries, termAndVote, truncateFrom } = change;
    const votedFor = termAndVote?.votedFor ?? null;
    if (votedFor !== null && votedFor !== state.id) {
      known.promisedUs = this.#nowUs();
      this.#reach('votePersisted', member);
    }
    if (compactTo !== null) this.#reach('compactionRecorded', member);
    if (truncateFrom !== null) this.#reach('entriesTruncated', member);
    for (const entry of entries) {
      if (entry.kind !== 'configuration') continue;
      this.#reach(`${kindOf(entry.configuration)}Appended`, member);
      const isOutside = !entry.configuration.voters.includes(state.id);
      if (isOutside && state.role.kind === 'leader') this.#reach('ledFromOutside', member);
    }
  }

  #applied(member: Member, known: Known, entries: readonly Entry[], state: RaftState): void {
    if (known.isTaking) this.#reach('appliedWhileTaking', member);
    if (state.volatile.receiving !== null) this.#reach('appliedWhileReceiving', member);
    for (const entry of entries) {
      if (entry.kind !== 'configuration') continue;
      this.#reach(`${kindOf(entry.configuration)}Applied`, member);
    }
    const { kv } = member;
    if (kv.size > this.#bucketSlots / 2) this.#reach('bucketSplit', member);
    if (kv.moved > 0) this.#reach('recordMoved', member);
  }

  #saved(member: Member, known: Known): void {
    known.isTaking = false;
    this.#reach('snapshotSaved', member);
    const { byteLength } = member.disk.snapshotData;
    if (byteLength > 2 * this.#sliceBytes) this.#reach('snapshotOfManySlices', member);
  }

  #readAtOnce(member: Member, known: Known, { persistent, role }: RaftState): void {
    const isByLease = role.kind === 'leader' && role.confirmedRound === known.confirmedRound;
    if (!isByLease || this.#schedule.settings.clockDriftPpm === null) return;
    this.#reach('leaseUsed', member);
    const { currentTerm } = persistent;
    if (this.#transfers.get(currentTerm) === member.name) this.#reach('leaseAfterTransfer', member);
  }

  #elected(member: Member, { id, persistent }: RaftState): void {
    const { learners, outgoing } = latestConfiguration(persistent.log);
    if (outgoing.length > 0) this.#reach('electedInJoint', member);
    if (learners.length > 0) this.#reach('electedWithLearner', member);
    if (this.#transfers.get(persistent.currentTerm) === id)
      this.#reach('electedByTransfer', member);
    if (persistent.currentTerm > 2 ** 32) this.#reach('electedBeyond32Bits', member);
  }

  #reach(place: Place, member: Member): void {
    this.reached.add(place);
    this.#arrived(place, member);
  }

  #of(member: Member): Known {
    let known = this.#known.get(member);
    if (known === undefined) {
      known = { isTaking: false, promisedUs: -1, role: null, confirmedRound: -1 };
      this.#known.set(member, known);
    }
    return known;
  }
}

function kindOf({ learners, outgoing }: Configuration): 'learner' | 'joint' | 'final' {
  if (outgoing.length > 0) return 'joint';
  return learners.length > 0 ? 'learner' : 'final';
}
