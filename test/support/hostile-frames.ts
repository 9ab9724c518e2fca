/**
 * Frames with a right checksum that no correct server sends: a sound message of each kind, with one
 * thing wrong. For whoever reaches a server's port can send them.
 */
import { crc32 } from 'node:zlib';
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import type { AppendEntries, InstallSnapshot, Message, NodeId } from '../../src/raft/types.ts';
import { encode, MESSAGE_KINDS } from '../../src/transport/codec.ts';
import { batchOf, by, operation } from './records.ts';

/** What an attacker can see of the server (`/debug/state`), and the name that it takes. */
export type Target = {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly term: number;
  readonly commitIndex: number;
  /** Of the last committed entry. */
  readonly commitTerm: number;
  readonly leads: boolean;
};

export type HostileFrame = {
  readonly kind: Message['kind'];
  /** What is wrong with it. */
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
};

type Wrong = readonly [what: string, message: Message];

const NUMBERS = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -2,
  -(2 ** 53),
  0.5,
  2.5,
  2 ** 52 + 1,
  2 ** 53 - 1,
  2 ** 53,
  1e300,
];
/** A term that is a number, and so far ahead that nobody has come by it in elections. */
const TERMS_AHEAD = 2 ** 24 + 1;
const COMMAND = batchOf([[operation('put', 'hostile', 'hostile'), by(0, 0)]]);

export class HostileFrames {
  readonly #rng: RandomState;
  #sequence = 0;

  constructor(seed: number) {
    this.#rng = fork(seed, 'hostile frames');
  }

  /** The next frame of a kind, against a server as it is now. */
  next(kind: Message['kind'], target: Target): HostileFrame {
    const sound = soundMessage(kind, target);
    const choice = between(this.#rng, 0, 9);
    // Nothing about the content of these can be said by a number.
    if (choice === 0) return this.#misshapen(sound);
    const own = wrongContents(sound, target);
    const [what, message] =
      choice <= 4 && own.length > 0 ? this.#pick(own) : this.#wrongNumber(sound);
    return { kind, what, bytes: encode(message, ++this.#sequence, crc32) };
  }

  /** Any number of the message, within a snapshot and within entries as well. */
  #wrongNumber(sound: Message): Wrong {
    const copy = structuredClone(sound) as unknown as Record<string, unknown>;
    const [path, holder, name] = this.#pick(numbersIn(copy, ''));
    const ahead = name === 'term' ? [sound.term + TERMS_AHEAD] : [];
    const value = this.#pick([...NUMBERS, ...ahead]);
    holder[name] = value;
    return [`${path} ${value}`, copy as unknown as Message];
  }

  #misshapen(sound: Message): HostileFrame {
    const { kind } = sound;
    const frame = encode(sound, ++this.#sequence, crc32);
    const at = (offset: number, byte: number): Uint8Array<ArrayBuffer> => {
      const changed = frame.slice();
      changed[offset] = byte;
      return changed;
    };
    const cut = frame.slice(0, between(this.#rng, 23, frame.byteLength - 1));
    const longer = new Uint8Array(frame.byteLength + 3);
    longer.set(frame);
    const [what, bytes] = this.#pick<readonly [string, Uint8Array<ArrayBuffer>]>([
      ['a version that is none', at(4, 99)],
      ['a kind that is none', at(5, MESSAGE_KINDS.length + between(this.#rng, 0, 200))],
      ['a name longer than the frame', at(22, 255)],
      ['cut short', cut],
      ['more behind its end', longer],
    ]);
    new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(4)), true);
    return { kind, what, bytes };
  }

  #pick<T>(from: readonly T[]): T {
    return from[between(this.#rng, 0, from.length - 1)] as T;
  }
}

function numbersIn(
  holder: Record<string, unknown>,
  path: string,
): (readonly [path: string, holder: Record<string, unknown>, name: string])[] {
  return Object.entries(holder).flatMap(([name, value]) => {
    const place = path === '' ? name : `${path}.${name}`;
    if (typeof value === 'number') return [[place, holder, name] as const];
    const isPart = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
    return isPart ? numbersIn(value as Record<string, unknown>, place) : [];
  });
}

/** What a correct server might send to this one, with no effect on its term, vote and log. */
function soundMessage(kind: Message['kind'], target: Target): Message {
  const { commitIndex, commitTerm, from, term, to } = target;
  const head = { from, to, term };
  const last = { lastLogIndex: commitIndex, lastLogTerm: commitTerm };
  const answer = { readRound: 0, sentUs: 0 };
  switch (kind) {
    case 'PreVote':
      return { kind, ...head, ...last };
    case 'RequestVote':
      return { kind, ...head, lastLogIndex: 0, lastLogTerm: 0, leadershipTransfer: false };
    case 'PreVoteResponse':
      return { kind, ...head, requestTerm: term, voteGranted: false };
    case 'RequestVoteResponse':
      return { kind, ...head, voteGranted: false };
    case 'AppendEntries':
      return appendEntries(target);
    case 'AppendEntriesResponse':
      return { kind, ...head, ...answer, attempt: 0, success: true, matchIndex: 0 };
    case 'InstallSnapshot':
      return installSnapshot(target);
    case 'InstallSnapshotResponse':
      return { kind, ...head, ...answer, index: 0, status: 'receiving', offset: 0 };
    case 'TimeoutNow':
      return { kind, ...head };
    case 'ReadIndex':
      return { kind, ...head, nonce: 1, readId: 1 };
    case 'ReadIndexResponse':
      return { kind, ...head, nonce: 1, readId: 1, index: 1 };
  }
}

/** Two entries behind what is committed. */
function appendEntries({ commitIndex, commitTerm, from, term, to }: Target): AppendEntries {
  return {
    kind: 'AppendEntries',
    from,
    to,
    term,
    prevLogIndex: commitIndex,
    prevLogTerm: commitTerm,
    entries: [
      { index: commitIndex + 1, term, kind: 'noop' },
      { index: commitIndex + 2, term, kind: 'command', command: COMMAND },
    ],
    leaderCommit: commitIndex,
    readRound: 0,
    attempt: 0,
    sentUs: 0,
    roundTripUs: 0,
  };
}

function installSnapshot({ commitIndex, from, term, to }: Target): InstallSnapshot {
  const configuration = { voters: [from, to], outgoing: [], learners: [] };
  return {
    kind: 'InstallSnapshot',
    from,
    to,
    term,
    snapshot: { index: commitIndex + 10, term, configuration: { index: 1, configuration } },
    offset: 0,
    data: new Uint8Array(0),
    done: false,
    readRound: 0,
    sentUs: 0,
  };
}

/** The message with one thing wrong that is no matter of a number's range. */
function wrongContents(sound: Message, target: Target): readonly Wrong[] {
  switch (sound.kind) {
    case 'PreVote':
    case 'RequestVote':
      return [
        ['an empty log with a last term', { ...sound, lastLogIndex: 0, lastLogTerm: 1 }],
        ['a last term of later', { ...sound, lastLogIndex: 9, lastLogTerm: sound.term + 1 }],
      ];
    case 'AppendEntries':
      return wrongEntries(sound, target);
    case 'AppendEntriesResponse':
      return target.leads ? wrongAnswers(target) : [];
    case 'InstallSnapshot':
      return wrongSnapshots(sound);
    case 'InstallSnapshotResponse':
      if (!target.leads) return [];
      return [
        ['installed what was not sent', { ...sound, index: 1e9, status: 'installed' }],
        ['an answer from the future', { ...sound, sentUs: 2 ** 52 }],
      ];
    default:
      return [];
  }
}

function wrongEntries(sound: AppendEntries, { leads }: Target): readonly Wrong[] {
  const { entries, prevLogIndex: prev, term } = sound;
  const [first, second] = entries;
  if (first === undefined || second === undefined) throw new Error('there are two entries');
  const nobody = { voters: [], outgoing: [], learners: [] };
  const twice = { voters: ['a:1', 'a:1'], outgoing: [], learners: [] };
  const commands = [Uint8Array.of(1, 2, 3), COMMAND.slice(0, -1), COMMAND.slice().fill(99, 0, 1)];
  const head = { index: prev + 1, term } as const;
  return [
    ['a gap behind the previous entry', { ...sound, entries: [second] }],
    ['an entry twice', { ...sound, entries: [first, first] }],
    ['a term that falls', { ...sound, entries: [first, { ...second, term: term - 1 }] }],
    ['an entry of a later term', { ...sound, entries: [first, { ...second, term: term + 1 }] }],
    ['a previous term of later', { ...sound, prevLogTerm: term + 1 }],
    ['a committed entry of another term', { ...sound, prevLogTerm: 0, prevLogIndex: 1 }],
    [
      'no members',
      { ...sound, entries: [{ ...head, kind: 'configuration', configuration: nobody }] },
    ],
    [
      'a member twice',
      { ...sound, entries: [{ ...head, kind: 'configuration', configuration: twice }] },
    ],
    ...commands.map(
      (command): Wrong => [
        'a command that cannot be executed',
        { ...sound, entries: [{ ...head, kind: 'command', command }] },
      ],
    ),
    ...(leads ? [['a second leader', { ...sound, entries: [] }] as const] : []),
  ];
}

function wrongAnswers({ commitIndex, from, term, to }: Target): readonly Wrong[] {
  const head = { kind: 'AppendEntriesResponse', from, to, term, attempt: 0 } as const;
  const sound = { ...head, readRound: 0, sentUs: 0 };
  const refusal = { prevLogIndex: commitIndex, hintIndex: 0, hintTerm: 0 };
  return [
    ['a match behind the log', { ...sound, success: true, matchIndex: 1e9 }],
    ['a round that was not begun', { ...sound, success: true, matchIndex: 0, readRound: 1e9 }],
    ['an answer from the future', { ...sound, success: true, matchIndex: 0, sentUs: 2 ** 52 }],
    ['a refusal behind the log', { ...sound, success: false, ...refusal, prevLogIndex: 1e9 }],
    ['a hint behind the refusal', { ...sound, success: false, ...refusal, hintIndex: 1e9 }],
  ];
}

function wrongSnapshots(sound: InstallSnapshot): readonly Wrong[] {
  const { snapshot } = sound;
  const { configuration } = snapshot;
  const nobody = { ...configuration, configuration: { voters: [], outgoing: [], learners: [] } };
  return [
    ['of no entry', { ...sound, snapshot: { ...snapshot, index: 0 } }],
    ['of a later term', { ...sound, snapshot: { ...snapshot, term: sound.term + 1 } }],
    ['of no members', { ...sound, snapshot: { ...snapshot, configuration: nobody } }],
    ...[0, 1, 4, 8].map(
      (length): Wrong => [
        `${length} bytes that are no state`,
        { ...sound, data: new Uint8Array(length), done: true },
      ],
    ),
  ];
}
