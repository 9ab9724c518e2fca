/** Writes down what happens in a run: always its fingerprint, and the trace if one is asked for. */
import { OperationReader } from '../../src/command.ts';
import { describeEffect, describeInput, describeMessage } from '../../src/raft/describe.ts';
import { addressOf } from '../../src/raft/identity.ts';
import { lastIndex } from '../../src/raft/log.ts';
import type { Effect, Input, Message, NodeId, RaftState, Role } from '../../src/raft/types.ts';
import { MESSAGE_KINDS } from '../../src/transport/codec.ts';
import type { Trace, TracedFault, TracedMessage, TracedRole } from '../trace.ts';
import { fnv1a } from './checksum.ts';
import type { Events } from './events.ts';
import { Fingerprint } from './fingerprint.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const INPUTS: readonly Input['kind'][] = [
  'message',
  'timer',
  'propose',
  'read',
  'persisted',
  'applied',
  'snapshotSaved',
  'snapshotNow',
  'snapshotReceived',
  'configure',
  'transfer',
];
const TIME_WIDTH = 12;
const NODE_WIDTH = 3;

export class Tracer {
  readonly fingerprint = new Fingerprint();
  readonly #events: Events;
  readonly #numbers: ReadonlyMap<NodeId, number>;
  readonly #trace: Mutable<Trace> | null;
  readonly #roles = new Map<NodeId, Role>();
  readonly #commits = new Map<NodeId, number>();

  constructor(events: Events, nodes: readonly NodeId[], withTrace: boolean) {
    this.#events = events;
    this.#numbers = new Map(nodes.map((id, i) => [id, i + 1]));
    this.#trace = withTrace
      ? {
          nodes: [...nodes],
          lines: [],
          messages: [],
          roles: [],
          commits: [],
          faults: [],
          recoveryUs: null,
          endUs: 0,
        }
      : null;
  }

  stepped(id: NodeId, input: Input, effects: readonly Effect[], state: RaftState): void {
    const { fingerprint } = this;
    const { persistent, volatile, role } = state;
    const number = this.#numbers.get(id) ?? 0;
    fingerprint.number(this.#events.nowUs);
    fingerprint.number((number * 16 + INPUTS.indexOf(input.kind)) * 64 + effects.length);
    fingerprint.number(persistent.currentTerm * 16 + role.kind.length);
    fingerprint.number(volatile.commitIndex * 4096 + lastIndex(persistent.log));
    if (input.kind === 'message') {
      const { from, term } = input.message;
      fingerprint.number(term * 16 + (this.#numbers.get(from) ?? 0));
    }
    if (this.#trace === null) return;
    this.#line(id, `${roleMark(role)} ${describeInput(input, describeCommands)}`);
    for (const effect of effects) {
      if (effect.kind !== 'send') this.#line(id, `  ${describeEffect(effect, describeCommands)}`);
    }
    this.#noteState(id, state);
  }

  /** Something that is no step of a server: a fault, a restart, a client's doings. */
  happened(what: string, id: NodeId | null = null): void {
    this.fingerprint.number(this.#events.nowUs);
    this.fingerprint.text(what);
    this.#line(id, what);
  }

  /**
   * The same for what happens often: `text` is made only for a trace; `code` and the bytes tell it
   * apart.
   */
  noted(code: number, bytes: readonly (Uint8Array | null)[], text: () => string): void {
    this.fingerprint.number(this.#events.nowUs);
    this.fingerprint.number(code);
    for (const part of bytes) this.fingerprint.number(part === null ? -1 : fnv1a(part));
    if (this.#trace !== null) this.#line(null, text());
  }

  /** The server is down or stands still; or goes on as `state` says. */
  stands(id: NodeId, how: 'down' | 'paused' | RaftState): void {
    if (this.#trace === null) return;
    if (typeof how === 'string') {
      this.#roles.delete(id);
      this.#role({ node: id, atUs: this.#events.nowUs, role: how, term: this.#term(id) });
    } else this.#noteState(id, how);
  }

  /** A message on its way, to be told what becomes of it; `null` when nothing is traced. */
  sent(message: Message): TracedMessage | null {
    this.#fingerprint(message);
    if (this.#trace === null) return null;
    const traced: TracedMessage = {
      from: addressOf(message.from),
      to: addressOf(message.to),
      text: describeMessage(message, describeCommands),
      kind: message.kind,
      term: message.term,
      sentUs: this.#events.nowUs,
      arrivedUs: null,
      fate: 'under way',
    };
    this.#trace.messages.push(traced);
    return traced;
  }

  #fingerprint(message: Message): void {
    const { fingerprint } = this;
    const from = this.#numberOf(message.from);
    const to = this.#numberOf(message.to);
    fingerprint.number((MESSAGE_KINDS.indexOf(message.kind) * 16 + from) * 16 + to);
    fingerprint.number(message.term);
    switch (message.kind) {
      case 'PreVote':
      case 'RequestVote':
        fingerprint.number(message.lastLogIndex * 4096 + message.lastLogTerm);
        break;
      case 'PreVoteResponse':
      case 'RequestVoteResponse':
        fingerprint.number(message.voteGranted ? 1 : 0);
        break;
      case 'AppendEntries':
        fingerprint.number(message.prevLogIndex * 4096 + message.prevLogTerm);
        fingerprint.number(message.leaderCommit * 4096 + message.entries.length);
        fingerprint.number(message.readRound * 4096 + message.attempt);
        break;
      case 'AppendEntriesResponse':
        fingerprint.number(message.success ? message.matchIndex : -1 - message.hintIndex);
        fingerprint.number(message.readRound * 4096 + message.attempt);
        break;
      case 'InstallSnapshot':
        fingerprint.number(message.snapshot.index * 4096 + message.readRound);
        fingerprint.number(message.offset * 4096 + message.data.byteLength);
        break;
      case 'InstallSnapshotResponse':
        fingerprint.number(message.index * 4096 + message.readRound);
        fingerprint.number(message.status === 'receiving' ? message.offset : -1);
        break;
      case 'TimeoutNow':
        break;
      case 'ReadIndex':
        fingerprint.number(message.readId);
        break;
      case 'ReadIndexResponse':
        fingerprint.number(message.readId * 4096 + (message.index ?? -1));
        break;
    }
  }

  /** Whatever the incarnation. */
  #numberOf(name: NodeId): number {
    return this.#numbers.get(addressOf(name)) ?? 0;
  }

  arrived(traced: TracedMessage | null, fate: TracedMessage['fate']): void {
    if (traced === null) return;
    if (traced.fate === 'under way') traced.fate = fate;
    if (fate === 'delivered') traced.arrivedUs ??= this.#events.nowUs;
    else if (fate !== 'under way') this.#line(traced.from, `  ${fate}: ${traced.text}`);
  }

  fault(text: string, nodes: readonly NodeId[]): TracedFault {
    const fault: TracedFault = { text, nodes, fromUs: this.#events.nowUs, untilUs: null };
    this.#trace?.faults.push(fault);
    return fault;
  }

  recoveryBegins(): void {
    if (this.#trace !== null) this.#trace.recoveryUs = this.#events.nowUs;
  }

  /** The finished trace. */
  end(): Trace | null {
    if (this.#trace !== null) this.#trace.endUs = this.#events.nowUs;
    return this.#trace;
  }

  #noteState(id: NodeId, { role, persistent, volatile }: RaftState): void {
    const atUs = this.#events.nowUs;
    if (this.#roles.get(id) !== role) {
      this.#roles.set(id, role);
      this.#role({ node: id, atUs, role: role.kind, term: persistent.currentTerm });
    }
    if ((this.#commits.get(id) ?? 0) !== volatile.commitIndex) {
      this.#commits.set(id, volatile.commitIndex);
      this.#trace?.commits.push({ node: id, atUs, index: volatile.commitIndex });
    }
  }

  #role(role: TracedRole): void {
    this.#trace?.roles.push(role);
  }

  #term(id: NodeId): number {
    return this.#trace?.roles.findLast(({ node }) => node === id)?.term ?? 0;
  }

  #line(id: NodeId | null, text: string): void {
    if (this.#trace === null) return;
    const time = (this.#events.nowUs / 1e6).toFixed(6).padStart(TIME_WIDTH);
    this.#trace.lines.push(`${time} ${(id ?? '').padEnd(NODE_WIDTH)} ${text}`);
  }
}

/** One letter a role, so that a column of them can be followed with the eye. */
function roleMark(role: Role): string {
  return { follower: 'F', preCandidate: 'P', candidate: 'C', leader: 'L' }[role.kind];
}

const textDecoder = new TextDecoder();

/** A batch in a few words, such as `2:17 put x, 1:4 cas y`: client and request number first. */
export function describeCommands(batch: Uint8Array): string {
  const reader = new OperationReader(batch);
  const commands: string[] = [];
  while (reader.next()) {
    const key = textDecoder.decode(reader.key());
    commands.push(`${reader.clientId}:${reader.requestNumber} ${reader.kind} ${key}`);
  }
  return commands.join(', ');
}
