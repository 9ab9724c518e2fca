/**
 * A node: it feeds the core with what happens and carries out, in order, what the core asks for.
 * The host supplies four things, clock, storage, transport and state machine, and ends each of its
 * turns with `flush`. No promise and no clock of its own: the simulator runs this very file.
 */
import { OperationReader, type RecordWriter, type Status, splitBatch } from './command.ts';
import { create, nextDeadlineUs, step } from './raft/raft.ts';
import type { RandomState } from './raft/random.ts';
import {
  type Answer,
  type Configuration,
  type Effect,
  type Entry,
  type Index,
  type Input,
  type Message,
  type NodeId,
  type PersistChange,
  type RaftState,
  type Settings,
  type Term,
  unreachable,
} from './raft/types.ts';
import type { Storage } from './storage/storage.ts';
import type { Transport } from './transport/transport.ts';

export interface Clock {
  /** Integer microseconds that never go back. */
  nowUs(): number;
  /** Calls `fire` once at or after `atUs`, instead of what an earlier call asked for. */
  setTimer(atUs: number, fire: () => void): void;
}

export interface StateMachine {
  /** Executes a batch of commands of log entry `index`; results go to `results` if given. */
  apply(index: Index, batch: Uint8Array, results: RecordWriter | null): void;
  query(batch: Uint8Array, results: RecordWriter): void;
}

/** One who asks: results are written to it as they come, and delivered at the end of the turn. */
export interface Client {
  readonly results: RecordWriter;
  deliver(): void;
}

export type NodeOptions = {
  readonly id: NodeId;
  readonly settings: Settings;
  /** The members before the first entry of the log. */
  readonly configuration: Configuration;
  readonly rng: RandomState;
  /** Most commands that share one log entry. */
  readonly batchCommands: number;
};

export type Host = {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly stateMachine: StateMachine;
  /** The single tap for traces, metrics and checks; called after every step. */
  readonly observe?: (input: Input, effects: readonly Effect[], state: RaftState) => void;
  /** The node has stopped for good: its disk failed it, or it broke an invariant. */
  readonly onFailure: (error: Error) => void;
};

/** Results that go out without waiting for the turn's end. */
const FRAME_RESULTS = 512;

/** Records of one client that share an entry or a read round. */
type Part = { readonly client: Client; readonly batch: Uint8Array; readonly count: number };
type PendingEntry = { readonly term: Term; readonly parts: readonly Part[] };

export class Node {
  readonly options: NodeOptions;
  readonly #host: Host;
  #state: RaftState | null = null;
  #stopped = false;

  readonly #inputs: Input[] = [];
  #stepping = false;

  /** What came in during this turn. */
  #writes: Part[] = [];
  #writeCount = 0;
  #writeBytes = 0;
  #reads: Part[] = [];
  readonly #toDeliver = new Set<Client>();

  /** What the state machine has executed; the core is told in a step of its own. */
  #appliedIndex: Index = 0;

  #nextId = 1;
  readonly #proposals = new Map<number, readonly Part[]>();
  readonly #entries = new Map<Index, PendingEntry>();
  readonly #readBatches = new Map<number, readonly Part[]>();
  /** Confirmed reads that wait for their index to be applied. */
  #readable: { index: Index; parts: readonly Part[] }[] = [];

  #persisting = false;
  #changes: PersistChange[] = [];
  #issuedSequence = 0;
  #durableSequence = 0;
  /** The latest persist that changed term or vote: what every message waits for. */
  #termSequence = 0;
  #held: { message: Message; sequence: number }[] = [];

  constructor(options: NodeOptions, host: Host) {
    this.options = options;
    this.#host = host;
  }

  /** Reads the storage back and begins as a follower. */
  start(done: () => void): void {
    const { clock, storage } = this.#host;
    storage.load((error, stored) => {
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#state = create({ ...this.options, nowUs: clock.nowUs(), ...stored });
      this.#armTimer();
      done();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#host.transport.close();
  }

  /** The core's state, for status and audit; not to be changed. */
  get state(): RaftState {
    if (this.#state === null) throw new Error('the node has not started');
    return this.#state;
  }

  receive(message: Message): void {
    this.#enqueue({ kind: 'message', nowUs: this.#host.clock.nowUs(), message });
  }

  /**
   * Commands of one client, `count` records; proposed at the end of the turn, with those of others.
   */
  write(client: Client, batch: Uint8Array, count: number): void {
    this.#writes.push({ client, batch, count });
    this.#writeCount += count;
    // A full entry does not wait for the turn's end: the followers work on it while the next one
    // fills.
    this.#writeBytes += batch.byteLength;
    const { batchCommands, settings } = this.options;
    if (this.#writeCount >= batchCommands || this.#writeBytes >= settings.batchBytes) {
      this.#proposeAll();
    }
  }

  /** Linearizable reads of one client (§6.4). */
  read(client: Client, batch: Uint8Array, count: number): void {
    this.#reads.push({ client, batch, count });
  }

  /** Ends a turn: proposes what came in, and delivers the results that are there. */
  flush(): void {
    if (this.#writeCount > 0) this.#proposeAll();
    if (this.#reads.length > 0) {
      const id = this.#nextId++;
      this.#readBatches.set(id, this.#reads);
      this.#reads = [];
      this.#enqueue({ kind: 'read', nowUs: this.#host.clock.nowUs(), id, mode: 'readIndex' });
    }
    if (this.#toDeliver.size === 0) return;
    for (const client of this.#toDeliver) if (client.results.count > 0) client.deliver();
    this.#toDeliver.clear();
  }

  #proposeAll(): void {
    const parts = this.#writes;
    this.#writes = [];
    this.#writeCount = 0;
    this.#writeBytes = 0;
    for (const group of this.#group(parts)) this.#propose(group);
  }

  /** §10.2.2: commands that came in together share an entry, within bounds of number and bytes. */
  *#group(parts: readonly Part[]): Generator<Part[]> {
    const { batchCommands, settings } = this.options;
    let group: Part[] = [];
    let commandsLeft = batchCommands;
    let bytesLeft = settings.batchBytes;
    for (const { client, batch, count } of parts) {
      let from = 0;
      let left = count;
      while (left > 0) {
        const whole = left <= commandsLeft && batch.byteLength - from <= bytesLeft;
        let fitting = whole
          ? { end: batch.byteLength, count: left }
          : splitBatch(batch, from, commandsLeft, bytesLeft);
        if (fitting.count === 0 && group.length > 0) {
          yield group;
          group = [];
          commandsLeft = batchCommands;
          bytesLeft = settings.batchBytes;
          continue;
        }
        // A single command beyond the bound has an entry of its own.
        if (fitting.count === 0) fitting = splitBatch(batch, from, 1, Number.POSITIVE_INFINITY);
        group.push({ client, batch: batch.subarray(from, fitting.end), count: fitting.count });
        commandsLeft -= fitting.count;
        bytesLeft -= fitting.end - from;
        from = fitting.end;
        left -= fitting.count;
      }
    }
    if (group.length > 0) yield group;
  }

  #propose(parts: readonly Part[]): void {
    const id = this.#nextId++;
    this.#proposals.set(id, parts);
    const only = parts.length === 1 ? parts[0] : undefined;
    const command = only === undefined ? concatenate(parts) : only.batch;
    this.#enqueue({ kind: 'propose', nowUs: this.#host.clock.nowUs(), id, command });
  }

  // ---- Steps ------------------------------------------------------------------------------------

  #enqueue(input: Input): void {
    if (this.#stopped || this.#state === null) return;
    // A storage that is done at once calls back in the middle of a step: its turn comes after it.
    if (this.#stepping) {
      this.#inputs.push(input);
      return;
    }
    this.#stepping = true;
    try {
      this.#step(this.#state, input);
      while (this.#inputs.length > 0) this.#step(this.#state, this.#inputs.shift() as Input);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#stepping = false;
    }
    this.#armTimer();
  }

  #step(state: RaftState, input: Input): void {
    const { kind: roleBefore } = state.role;
    const effects = step(state, input);
    this.#host.observe?.(input, effects, state);
    for (const effect of effects) this.#carryOut(effect);
    if (roleBefore === 'leader' && state.role.kind !== 'leader') this.#forgetPending();
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.message, effect.after);
        break;
      case 'persist':
        this.#persist(effect.sequence, effect.change);
        break;
      case 'apply':
        this.#apply(effect.entries);
        break;
      case 'answer':
        this.#answer(effect.id, effect.answer);
        break;
      default:
        unreachable(effect);
    }
  }

  #armTimer(): void {
    if (this.#stopped || this.#state === null) return;
    this.#host.clock.setTimer(nextDeadlineUs(this.#state), this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#enqueue({ kind: 'timer', nowUs: this.#host.clock.nowUs() });
  };

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    this.#host.onFailure(error);
  }

  // ---- Durability -------------------------------------------------------------------------------

  #send(message: Message, after: 'term' | 'log'): void {
    const sequence = after === 'log' ? this.#issuedSequence : this.#termSequence;
    if (sequence <= this.#durableSequence) this.#host.transport.send(message);
    else this.#held.push({ message, sequence });
  }

  #persist(sequence: number, change: PersistChange): void {
    this.#issuedSequence = sequence;
    if (change.termAndVote !== null) this.#termSequence = sequence;
    this.#changes.push(change);
    if (!this.#persisting) this.#persistAll();
  }

  /** Group commit: whatever has gathered while the disk was busy is its next unit. */
  #persistAll(): void {
    this.#persisting = true;
    const changes = this.#changes;
    const sequence = this.#issuedSequence;
    this.#changes = [];
    this.#host.storage.persist(changes, (error) => {
      this.#persisting = false;
      if (this.#stopped) return;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#durableSequence = sequence;
      this.#release();
      this.#enqueue({ kind: 'persisted', nowUs: this.#host.clock.nowUs(), sequence });
      if (this.#changes.length > 0 && !this.#persisting) this.#persistAll();
    });
  }

  #release(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const { message, sequence } of held) {
      if (sequence <= this.#durableSequence) this.#host.transport.send(message);
      else this.#held.push({ message, sequence });
    }
  }

  // ---- Commands and reads -----------------------------------------------------------------------

  #answer(id: number, answer: Answer): void {
    const proposal = this.#proposals.get(id);
    if (proposal !== undefined) {
      this.#proposals.delete(id);
      if (answer.kind === 'accepted') {
        this.#entries.set(answer.index, { term: answer.term, parts: proposal });
      } else this.#refuse(proposal, 'notLeader');
      return;
    }
    const reads = this.#readBatches.get(id);
    if (reads === undefined) return;
    this.#readBatches.delete(id);
    if (answer.kind !== 'readable') this.#refuse(reads, 'notLeader');
    else if (answer.index <= this.#appliedIndex) this.#serve(reads);
    else this.#readable.push({ index: answer.index, parts: reads });
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) this.#applyEntry(entry);
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#appliedIndex = last.index;
    this.#enqueue({ kind: 'applied', nowUs: this.#host.clock.nowUs(), index: last.index });
    if (this.#readable.length === 0) return;
    const readable = this.#readable;
    this.#readable = [];
    for (const read of readable) {
      if (read.index <= last.index) this.#serve(read.parts);
      else this.#readable.push(read);
    }
  }

  #applyEntry(entry: Entry): void {
    const pending = this.#entries.size === 0 ? undefined : this.#entries.get(entry.index);
    if (pending !== undefined) this.#entries.delete(entry.index);
    const { stateMachine } = this.#host;
    const own = pending !== undefined && pending.term === entry.term;
    if (pending !== undefined && !own) this.#refuse(pending.parts, 'notExecuted');
    if (entry.kind !== 'command') return;
    if (!own) {
      stateMachine.apply(entry.index, entry.command, null);
      return;
    }
    for (const { client, batch } of pending.parts) {
      stateMachine.apply(entry.index, batch, client.results);
      if (client.results.count >= FRAME_RESULTS) client.deliver();
      else this.#toDeliver.add(client);
    }
  }

  #serve(parts: readonly Part[]): void {
    for (const { client, batch } of parts) {
      this.#host.stateMachine.query(batch, client.results);
      this.#toDeliver.add(client);
    }
  }

  /** The lead is lost: what stands in the log may yet be committed by another leader, or not. */
  #forgetPending(): void {
    for (const { parts } of this.#entries.values()) this.#refuse(parts, 'outcomeUnknown');
    this.#entries.clear();
  }

  #refuse(parts: readonly Part[], status: Status): void {
    for (const { client, batch } of parts) {
      const operation = new OperationReader(batch);
      while (operation.next()) {
        client.results.result(operation.clientId, operation.requestNumber, {
          status,
          value: null,
          index: 0,
        });
      }
      this.#toDeliver.add(client);
    }
  }
}

function concatenate(parts: readonly Part[]): Uint8Array {
  const size = parts.reduce((sum, { batch }) => sum + batch.byteLength, 0);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const { batch } of parts) {
    whole.set(batch, at);
    at += batch.byteLength;
  }
  return whole;
}
