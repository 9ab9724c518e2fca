/**
 * A node: it feeds the core with what happens and carries out, in order, what the core asks for.
 * The host supplies four things, clock, storage, transport and state machine, and ends each of its
 * turns with `flush`. No promise and no clock of its own: the simulator runs this very file.
 */
import { type Part as ClientPart, grouped, joined } from './batching.ts';
import { isBatch, OperationReader, type RecordWriter, type Status } from './command.ts';
import { PersistQueue } from './persist-queue.ts';
import { latestConfiguration } from './raft/log.ts';
import { create, nextDeadlineUs, step } from './raft/raft.ts';
import type { RandomState } from './raft/random.ts';
import { metaOf } from './raft/snapshot.ts';
import {
  type Answer,
  type Configuration,
  type Effect,
  type Entry,
  type Index,
  type Input,
  type Membership,
  type Message,
  type NodeId,
  type RaftState,
  type ReadMode,
  type Settings,
  type Term,
  unreachable,
} from './raft/types.ts';
import { type Flaw, flawOf } from './raft/validation.ts';
import { type SnapshotState, Snapshots } from './snapshots.ts';
import { ExecutionError, isMalformed, type Storage } from './storage/storage.ts';
import type { Transport } from './transport/transport.ts';

export interface Clock {
  /** Integer microseconds that never go back. */
  nowUs(): number;
  /**
   * Calls `fire` once at or after `atUs`, instead of what an earlier call asked for. It says how
   * late that is where messages may have arrived before it that have not been handed over.
   */
  setTimer(atUs: number, fire: (lateUs?: number) => void): void;
}

export interface StateMachine extends SnapshotState {
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
  /** Most requests that may wait for their answer; what comes beyond is refused. */
  readonly requestsMax: number;
  /** Of snapshots, so many bytes at a time. */
  readonly sliceBytes?: number;
};

/**
 * How a client wants its reads (§6.4): `linearizable` by a round of heartbeats, and `stale` from
 * what this server happens to have.
 */
export type ClientReadMode = 'linearizable' | Exclude<ReadMode, 'readIndex'> | 'stale';

export type Host = {
  readonly clock: Clock;
  readonly storage: Storage;
  readonly transport: Transport;
  readonly stateMachine: StateMachine;
  /** Calls back in a turn of its own, soon: so that long work is done in slices between others'. */
  later(then: () => void): void;
  /** The single tap for traces, metrics and checks; called after every step. */
  readonly observe?: (input: Input, effects: readonly Effect[], state: RaftState) => void;
  /** A message, or the snapshot that came in some, was dropped: no correct server sends it. */
  readonly onFlaw?: (from: NodeId, flaw: Flaw) => void;
  /** The node has stopped for good: its disk failed it, or it broke an invariant. */
  readonly onFailure: (error: Error) => void;
};

/**
 * A timer that is so late was held up by something other than the node, whose turns are shorter:
 * by other processes, or by the host.
 */
const HELD_UP_US = 20_000;

/** Results that go out without waiting for the turn's end. */
const FRAME_RESULTS = 512;

type Part = ClientPart<Client>;
type PendingEntry = { readonly term: Term; readonly parts: readonly Part[] };
type Turn = { readonly mode: ReadMode; parts: Part[] };

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
  readonly #reads: readonly Turn[] = [
    { mode: 'readIndex', parts: [] },
    { mode: 'lease', parts: [] },
    { mode: 'follower', parts: [] },
  ];
  readonly #toDeliver = new Set<Client>();
  /** Requests that have not been answered. */
  #waiting = 0;

  /** What the state machine has executed; the core is told in a step of its own. */
  #appliedIndex: Index = 0;

  /** Timers that fired so late that the node was held up rather than its peers. */
  timersLate = 0;
  #wasHeldUp = false;
  /** A deadline has passed, and what arrived before it is being taken in. */
  #takingIn = false;

  #nextId = 1;
  readonly #proposals = new Map<number, readonly Part[]>();
  readonly #entries = new Map<Index, PendingEntry>();
  readonly #readBatches = new Map<number, readonly Part[]>();
  /** Confirmed reads that wait for their index to be applied. */
  #readable: { index: Index; parts: readonly Part[] }[] = [];
  /** Changes of membership and transfers under way. */
  readonly #changes = new Map<number, (answer: Answer) => void>();

  readonly #snapshots: Snapshots;
  readonly #queue: PersistQueue;

  constructor(options: NodeOptions, host: Host) {
    this.options = options;
    this.#host = host;
    this.#queue = new PersistQueue(
      host.storage,
      (sequence) => this.#enqueue({ kind: 'persisted', nowUs: this.#nowUs(), sequence }),
      (error) => this.#fail(error),
    );
    this.#snapshots = new Snapshots(
      host,
      {
        saved: (index) => this.#enqueue({ kind: 'snapshotSaved', nowUs: this.#nowUs(), index }),
        received: (snapshot) => {
          this.#enqueue({ kind: 'snapshotReceived', nowUs: this.#nowUs(), snapshot });
        },
        refused: (snapshot) => {
          const { receiving } = this.state.volatile;
          if (receiving !== null) host.onFlaw?.(receiving.from, 'snapshot');
          this.#enqueue({ kind: 'snapshotRefused', nowUs: this.#nowUs(), snapshot });
        },
        failed: (error) => this.#fail(error),
      },
      options.sliceBytes,
    );
  }

  /** Reads the storage back and begins as a follower. */
  start(done: () => void): void {
    this.#host.storage.load((error, stored) => {
      if (this.#stopped) return;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      const begin = (): void => {
        this.#guard(() => {
          this.#appliedIndex = stored.snapshot?.index ?? 0;
          this.#state = create({ ...this.options, nowUs: this.#nowUs(), ...stored });
          this.#armTimer();
        });
        if (this.#state !== null) done();
      };
      if (stored.snapshot === null) begin();
      else this.#snapshots.restore(stored.snapshot.index, begin);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.stop();
    this.#snapshots.stop();
    this.#host.transport.close();
  }

  #nowUs(): number {
    return this.#host.clock.nowUs();
  }

  /** The core's state, for status and audit; not to be changed. */
  get state(): RaftState {
    if (this.#state === null) throw new Error('the node has not started');
    return this.#state;
  }

  receive(message: Message): void {
    // It is for who had this address before, and lost its disk (identity.ts).
    if (message.to !== this.options.id || this.#state === null) return;
    const nowUs = this.#nowUs();
    const flaw = flawOf(this.#state, nowUs, message) ?? flawOfCommands(message);
    if (flaw === null) this.#enqueue({ kind: 'message', nowUs, message });
    else this.#host.onFlaw?.(message.from, flaw);
  }

  /**
   * Commands of one client, `count` records; proposed at the end of the turn, with those of others.
   */
  write(client: Client, batch: Uint8Array, count: number): void {
    if (!this.#admit(client, batch, count)) return;
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

  /** Reads of one client (§6.4). Those through the log are written. */
  read(client: Client, batch: Uint8Array, count: number, mode: ClientReadMode): void {
    const part = { client, batch, count };
    // It waits for nobody, and is served however many do.
    if (mode === 'stale' && this.#state !== null) {
      this.#waiting += count;
      this.#serve([part]);
      return;
    }
    if (!this.#admit(client, batch, count)) return;
    const asked = mode === 'linearizable' ? 'readIndex' : mode;
    this.#reads.find((turn) => turn.mode === asked)?.parts.push(part);
  }

  /**
   * Beyond its bound a node refuses at once, rather than let everybody wait longer. While its disk
   * is being read it knows nothing yet.
   */
  #admit(client: Client, batch: Uint8Array, count: number): boolean {
    this.#waiting += count;
    const isFull = this.#waiting > this.options.requestsMax;
    if (this.#state !== null && !isFull) return true;
    this.#refuse([{ client, batch, count }], isFull ? 'overloaded' : 'notLeader');
    return false;
  }

  // ---- Operations -------------------------------------------------------------------------------

  /**
   * Changes the membership, if this node leads (ch. 4); `done` gets `done` or `rejected`. With
   * `catchUp`, new voters are learners first.
   */
  configure(membership: Membership, catchUp: boolean, done: (answer: Answer) => void): void {
    const id = this.#operation(done);
    this.#enqueue({ kind: 'configure', nowUs: this.#nowUs(), id, membership, catchUp });
  }

  /** Hands leadership over (§3.10), if this node leads. */
  transfer(to: NodeId, done: (answer: Answer) => void): void {
    const id = this.#operation(done);
    this.#enqueue({ kind: 'transfer', nowUs: this.#nowUs(), id, to });
  }

  #operation(done: (answer: Answer) => void): number {
    const id = this.#nextId++;
    if (this.#state !== null) this.#changes.set(id, done);
    else done({ kind: 'rejected', reason: 'notLeader', leaderId: null });
    return id;
  }

  /** Takes a snapshot now, unless there is nothing new to take. */
  takeSnapshot(): void {
    this.#enqueue({ kind: 'snapshotNow', nowUs: this.#nowUs() });
  }

  /** The membership as this node knows it, committed or not (§4.1). */
  get configuration(): Configuration {
    return latestConfiguration(this.state.persistent.log);
  }

  // ---- Turns ------------------------------------------------------------------------------------

  /** Ends a turn: proposes what came in, and delivers the results that are there. */
  flush(): void {
    if (this.#writeCount > 0) this.#proposeAll();
    for (const turn of this.#reads) {
      if (turn.parts.length === 0) continue;
      const id = this.#nextId++;
      this.#readBatches.set(id, turn.parts);
      turn.parts = [];
      this.#enqueue({ kind: 'read', nowUs: this.#nowUs(), id, mode: turn.mode });
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
    const { batchCommands, settings } = this.options;
    for (const group of grouped(parts, batchCommands, settings.batchBytes)) this.#propose(group);
  }

  #propose(parts: readonly Part[]): void {
    const id = this.#nextId++;
    this.#proposals.set(id, parts);
    const command = joined(parts);
    this.#enqueue({ kind: 'propose', nowUs: this.#nowUs(), id, command });
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
      this.#fail(asError(error));
    } finally {
      this.#stepping = false;
    }
    this.#armTimer();
  }

  #step(state: RaftState, input: Input): void {
    if (this.#stopped) return;
    const { kind: roleBefore } = state.role;
    const effects = step(state, input);
    this.#host.observe?.(input, effects, state);
    for (const effect of effects) {
      // A disk that fails within one of them ends it all.
      if (this.#stopped) return;
      this.#carryOut(effect);
    }
    // Whatever became of it, the next one may come.
    if (input.kind === 'snapshotReceived') this.#snapshots.goOn();
    if (state.volatile.receiving === null) this.#snapshots.giveUpReceiving();
    if (roleBefore === 'leader' && state.role.kind !== 'leader') this.#forgetPending();
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect.message, effect.after);
        break;
      case 'persist':
        this.#queue.persist(effect.sequence, effect.change);
        break;
      case 'apply':
        this.#apply(effect.entries);
        break;
      case 'answer':
        this.#answer(effect.id, effect.answer);
        break;
      case 'takeSnapshot':
        this.#takeSnapshot();
        break;
      case 'sendChunk':
        this.#snapshots.read(effect.message, this.options.settings.chunkBytes, (message) => {
          if (!this.#stopped) this.#send(message, 'term');
        });
        break;
      case 'receiveChunk':
        // As with `takeSnapshot`.
        this.#queue.whenDurable('term', () => {
          if (!this.#stopped) this.#snapshots.receive(effect);
        });
        break;
      case 'install':
        this.#snapshots.install();
        this.#applied(effect.snapshot.index);
        break;
      default:
        unreachable(effect);
    }
  }

  #armTimer(): void {
    if (this.#stopped || this.#state === null || this.#takingIn) return;
    this.#host.clock.setTimer(nextDeadlineUs(this.#state), this.#onTimer);
  }

  /**
   * An election timeout is about the silence of others (§3.4). An event loop fires its timers
   * before it looks at its sockets, so a server that was held up would campaign with its leader's
   * heartbeats unread. It takes them in first, in two turns, and the deadline has moved. A leader's
   * heartbeat is not to wait.
   */
  readonly #onTimer = (lateUs?: number): void => {
    const isLate = lateUs !== undefined && lateUs > HELD_UP_US;
    if (isLate) this.timersLate++;
    if (lateUs === undefined || this.#state?.role.kind === 'leader') {
      this.#wasHeldUp = isLate && !this.#wasHeldUp;
      const heldUp = this.#wasHeldUp ? { wasHeldUp: true } : {};
      this.#enqueue({ kind: 'timer', nowUs: this.#nowUs(), ...heldUp });
      return;
    }
    this.#takingIn = true;
    this.#host.later(() => {
      this.#host.later(() => {
        this.#takingIn = false;
        this.#enqueue({ kind: 'timer', nowUs: this.#nowUs() });
      });
    });
  };

  /** What is called back from outside a step ends the node where it throws, not who called. */
  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.stop();
    this.#host.onFailure(error);
  }

  #send(message: Message, after: 'term' | 'log'): void {
    const { transport } = this.#host;
    // Most need not wait, and cost no closure.
    if (this.#queue.isDurable(after)) transport.send(message);
    else {
      this.#queue.whenDurable(after, () => {
        if (!this.#stopped) transport.send(message);
      });
    }
  }

  // ---- Commands and reads -----------------------------------------------------------------------

  #answer(id: number, answer: Answer): void {
    const proposal = this.#proposals.get(id);
    if (proposal !== undefined) {
      this.#proposals.delete(id);
      if (answer.kind === 'accepted') {
        this.#entries.set(answer.index, { term: answer.term, parts: proposal });
      } else {
        const overloaded = answer.kind === 'rejected' && answer.reason === 'overloaded';
        this.#refuse(proposal, overloaded ? 'overloaded' : 'notLeader');
      }
      return;
    }
    const change = this.#changes.get(id);
    if (change !== undefined) {
      this.#changes.delete(id);
      change(answer);
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
    if (last !== undefined) this.#applied(last.index);
  }

  #applied(index: Index): void {
    this.#appliedIndex = index;
    this.#enqueue({ kind: 'applied', nowUs: this.#nowUs(), index });
    if (this.#readable.length === 0) return;
    const readable = this.#readable;
    this.#readable = [];
    for (const read of readable) {
      if (read.index <= index) this.#serve(read.parts);
      else this.#readable.push(read);
    }
  }

  #takeSnapshot(): void {
    // No disk may hold a snapshot of a term that it does not know of.
    if (!this.#queue.isDurable('term')) {
      this.#queue.whenDurable('term', () => this.#guard(() => this.#takeSnapshot()));
      return;
    }
    // Given up where another was installed meanwhile, or another that waited as well is under way.
    const { persistent, volatile } = this.state;
    if (this.#stopped || !volatile.takingSnapshot || this.#snapshots.taking) return;
    const latest = persistent.snapshot?.index ?? 0;
    if (this.#appliedIndex <= latest) {
      // One received has overtaken it: it is as good, and durable.
      this.#enqueue({ kind: 'snapshotSaved', nowUs: this.#nowUs(), index: latest });
      return;
    }
    const { settings } = this.options;
    const from = this.#appliedIndex;
    const { bytesSinceSnapshot } = this.state.volatile;
    this.#snapshots.take(metaOf(this.state, from), () => {
      const entries = (this.#appliedIndex - from) / settings.snapshotEntries;
      const bytes = this.state.volatile.bytesSinceSnapshot - bytesSinceSnapshot;
      return Math.max(entries, bytes / settings.snapshotBytes);
    });
  }

  #applyEntry(entry: Entry): void {
    const pending = this.#entries.size === 0 ? undefined : this.#entries.get(entry.index);
    if (pending !== undefined) this.#entries.delete(entry.index);
    const own = pending !== undefined && pending.term === entry.term;
    if (pending !== undefined && !own) this.#refuse(pending.parts, 'notExecuted');
    if (entry.kind !== 'command') return;
    if (!own) {
      this.#execute(entry, entry.command, null);
      return;
    }
    for (const { client, batch, count } of pending.parts) {
      this.#waiting -= count;
      this.#execute(entry, batch, client.results);
      if (client.results.count >= FRAME_RESULTS) client.deliver();
      else this.#toDeliver.add(client);
    }
  }

  #execute({ index, term }: Entry, batch: Uint8Array, results: RecordWriter | null): void {
    const { stateMachine, storage } = this.#host;
    try {
      stateMachine.apply(index, batch, results);
    } catch (error) {
      if (!isMalformed(error)) throw error;
      const { where = 'the storage' } = storage;
      throw new ExecutionError(`${where}: entry ${index}, term ${term}, cannot be executed`, error);
    }
  }

  #serve(parts: readonly Part[]): void {
    for (const { client, batch, count } of parts) {
      this.#waiting -= count;
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
    for (const { client, batch, count } of parts) {
      this.#waiting -= count;
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

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** What stands in a log every server must be able to execute. O(commands). */
function flawOfCommands(message: Message): Flaw | null {
  if (message.kind !== 'AppendEntries') return null;
  const sound = message.entries.every(
    (entry) => entry.kind !== 'command' || isBatch(entry.command),
  );
  return sound ? null : 'command';
}
