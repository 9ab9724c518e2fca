/**
 * One server of a simulated cluster: the very node that threads and processes run, on a clock, a
 * disk and a network that the simulator owns. What outlives a crash is here; the node does not.
 */
import { Kv } from '../../src/kv.ts';
import { Node } from '../../src/node.ts';
import { FIRST_INCARNATION, memberName } from '../../src/raft/identity.ts';
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import type {
  Configuration,
  Effect,
  Input,
  Message,
  NodeId,
  RaftState,
  Settings,
} from '../../src/raft/types.ts';
import type { Flaw } from '../../src/raft/validation.ts';
import {
  type CrashFate,
  type Medium,
  type MemoryDisk,
  MemoryStorage,
} from '../../src/storage/memory.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { DiskSettings, Schedule } from '../schedule.ts';
import type { NodeClock } from './clock.ts';
import type { Events } from './events.ts';

export type MemberOptions = {
  readonly id: NodeId;
  readonly settings: Settings;
  readonly configuration: Configuration;
  readonly batchCommands: number;
  readonly disk: DiskSettings;
  readonly seed: number;
  /** Most sessions that its state machine keeps. */
  readonly sessionsMax: number;
  readonly sizes: Schedule['sizes'];
};

/** What the member needs from its cluster. */
export type Surroundings = {
  readonly events: Events;
  send(message: Message): void;
  /** What the node is given for this storage. */
  storage(member: Member, storage: Storage): Storage;
  started(member: Member): void;
  stepped(member: Member, input: Input, effects: readonly Effect[], state: RaftState): void;
  /** The node dropped what no correct server sends. */
  flawed(member: Member, from: NodeId, flaw: Flaw): void;
  /** The node has stopped by itself. */
  failed(member: Member, error: Error): void;
};

const US_PER_MS = 1000;
/** No run comes near it, but one that leaks. */
const REQUESTS_MAX = 10_000;
/** How soon a node goes on with long work. */
const LATER_US = 50;

/** The configuration of a server that belongs to no cluster. */
export const NOBODY: Configuration = { voters: [], outgoing: [], learners: [] };

export class Member {
  /** Where it is reached, whatever its incarnation. */
  readonly id: string;
  /** `lost`: its disk lost what it had promised, and it must not start again. */
  state: 'running' | 'paused' | 'suspended' | 'down' | 'lost' = 'down';
  /** How often it has started. */
  starts = 0;
  /** Which disk it is on, counted from the first. */
  incarnation = FIRST_INCARNATION;
  node: Node | null = null;
  kv: Kv;
  readonly clock: NodeClock;
  disk: MemoryDisk;
  /** Faults of the disk, and how many writes met them. */
  slowerByMs = 0;
  full = false;
  writesSlowed = 0;
  writesRefused = 0;
  /** It stopped by itself, because it could not write. */
  stoppedByDisk = false;
  /** Faults of it, its clock or its disk that are in force. */
  #faults = 0;
  #disturbedUs = 0;
  /** Requests of clients that the node has taken and not answered. */
  requestsOpen = 0;
  /** What has had to wait while the node stood still. */
  heldUp = 0;
  readonly #options: MemberOptions;
  readonly #surroundings: Surroundings;
  readonly #diskRng: RandomState;
  #storage: MemoryStorage | null = null;
  #started = false;
  /** The write under way, or the last one, found the disk full. */
  #refused = false;
  /** What came while the node stood still, in order. */
  #waiting: (() => void)[] = [];
  /** On the node's own clock; infinite if nothing is awaited. */
  #timerUs = Number.POSITIVE_INFINITY;
  #fire: () => void = () => {};
  /** The event that looks at the timer next, on the simulator's clock. */
  #alarmUs = Number.POSITIVE_INFINITY;

  constructor(
    options: MemberOptions,
    clock: NodeClock,
    disk: MemoryDisk,
    surroundings: Surroundings,
  ) {
    this.id = options.id;
    this.#options = options;
    this.kv = this.#createKv();
    this.clock = clock;
    this.disk = disk;
    this.#surroundings = surroundings;
    this.#diskRng = fork(options.seed, `disk ${options.id}`);
  }

  /** What the protocol knows it by. */
  get name(): NodeId {
    return memberName(this.id, this.incarnation);
  }

  /** When a fault was last in force, or it was not running; infinite while that is so. */
  get disturbedUs(): number {
    const isDisturbed = this.#faults > 0 || this.state !== 'running';
    return isDisturbed ? Number.POSITIVE_INFINITY : this.#disturbedUs;
  }

  /** A fault of it begins or ends. */
  disturb(change: 1 | -1): void {
    this.#faults += change;
    this.#disturbedUs = this.#surroundings.events.nowUs;
  }

  get isUp(): boolean {
    return this.node !== null;
  }

  /** The core's state; of a server that is up. */
  get raft(): RaftState | null {
    return this.#started ? (this.node?.state ?? null) : null;
  }

  // ---- Life -------------------------------------------------------------------------------------

  /** Starts the node on what its disk holds; a disk that lost acknowledged records refuses. */
  start(): void {
    const { id, seed, sizes } = this.#options;
    this.starts++;
    this.#disturbedUs = this.#surroundings.events.nowUs;
    this.requestsOpen = 0;
    this.kv = this.#createKv();
    this.state = 'running';
    this.stoppedByDisk = false;
    const storage = new MemoryStorage(this.disk, this.#medium);
    const { events } = this.#surroundings;
    // On a blank disk a server belongs to nothing until somebody lets it join.
    const stranger = this.incarnation > FIRST_INCARNATION;
    const configuration = stranger ? NOBODY : this.#options.configuration;
    const rng = fork(seed, `node ${id} ${this.starts}`);
    const node: Node = new Node(
      {
        ...this.#options,
        ...(sizes === undefined ? {} : { sliceBytes: sizes.sliceBytes }),
        id: this.name,
        configuration,
        rng,
        requestsMax: REQUESTS_MAX,
      },
      {
        clock: {
          nowUs: () => this.clock.readUs(events.nowUs),
          setTimer: (atUs, fire) => this.#setTimer(atUs, fire),
        },
        storage: this.#surroundings.storage(this, storage),
        transport: { send: (message) => this.#surroundings.send(message), close: () => {} },
        stateMachine: {
          apply: (index, batch, results) => this.kv.apply(index, batch, results),
          query: (batch, results) => this.kv.query(batch, results),
          snapshot: () => this.kv.snapshot(),
          restore: () => this.kv.restore(),
        },
        later: (then) => {
          events.after(LATER_US, () => {
            if (this.node === node) this.turn(then);
          });
        },
        observe: (input, effects, state) => {
          this.#surroundings.stepped(this, input, effects, state);
        },
        onFlaw: (from, flaw) => this.#surroundings.flawed(this, from, flaw),
        onFailure: (error) => this.#surroundings.failed(this, error),
      },
    );
    this.#storage = storage;
    this.node = node;
    node.start(() => {
      this.#started = true;
      this.#surroundings.started(this);
    });
  }

  /** The power fails; chance decides about a write under way. */
  crash(): void {
    this.#storage?.crash(this.#drawFate());
    this.node?.stop();
    this.node = null;
    this.#started = false;
    this.#storage = null;
    this.#waiting = [];
    this.#timerUs = Number.POSITIVE_INFINITY;
    if (this.state === 'suspended') this.clock.go(this.#surroundings.events.nowUs);
    this.state = 'down';
  }

  /** Of a server that is down: it gets a blank disk, and is another server from now on. */
  replaceDisk(disk: MemoryDisk): void {
    this.disk = disk;
    this.incarnation++;
    this.full = false;
  }

  #createKv(): Kv {
    const { sessionsMax, sizes } = this.#options;
    return new Kv({ sessionsMax }, sizes);
  }

  pause(kind: 'paused' | 'suspended'): void {
    if (this.state !== 'running') return;
    this.state = kind;
    if (kind === 'suspended') this.clock.stop(this.#surroundings.events.nowUs);
  }

  resume(): void {
    if (this.state !== 'paused' && this.state !== 'suspended') return;
    if (this.state === 'suspended') this.clock.go(this.#surroundings.events.nowUs);
    this.state = 'running';
    this.#disturbedUs = this.#surroundings.events.nowUs;
    const { node } = this;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const happen of waiting) if (this.node === node) this.turn(happen);
    this.rearm();
  }

  /** One turn of the node: something happens to it, and what came of it goes out. */
  turn(happen: () => void): void {
    const { node } = this;
    if (node === null) return;
    if (this.state !== 'running') {
      this.heldUp++;
      this.#waiting.push(happen);
      return;
    }
    happen();
    if (this.node === node) node.flush();
  }

  // ---- Disk -------------------------------------------------------------------------------------

  readonly #medium: Medium = {
    write: (_bytes, written) => {
      const { events } = this.#surroundings;
      const [lowMs, highMs] = this.#options.disk.latencyMs;
      const drawnUs = between(
        this.#diskRng,
        Math.round(lowMs * US_PER_MS),
        Math.round(highMs * US_PER_MS),
      );
      if (this.slowerByMs > 0) this.writesSlowed++;
      if (this.full) this.writesRefused++;
      this.#refused = this.full;
      const outcome = this.full ? 'full' : 'durable';
      events.after(drawnUs + Math.round(this.slowerByMs * US_PER_MS), () => written(outcome));
    },
    read: (_bytes, done) => {
      const { readMs } = this.#options.disk;
      if (readMs === undefined) {
        done();
        return;
      }
      const [low, high] = readMs.map((ms) => Math.round(ms * US_PER_MS)) as [number, number];
      const drawnUs = between(this.#diskRng, low, high);
      const slowerUs = Math.round(this.slowerByMs * US_PER_MS);
      this.#surroundings.events.after(drawnUs + slowerUs, done);
    },
    tell: (hear) => {
      const { node } = this;
      this.turn(() => {
        if (this.node === node) hear();
      });
    },
  };

  #drawFate(): CrashFate {
    const { torn, late } = this.#options.disk;
    // Always the same number of draws, so that one crash does not shift the next one's.
    const draw = between(this.#diskRng, 0, 999_999) / 1_000_000;
    const share = between(this.#diskRng, 0, 999_999) / 1_000_000;
    // For what has no room nothing reaches the disk.
    if (this.#refused) return { kind: 'lost' };
    if (draw < torn) return { kind: 'torn', share };
    return { kind: draw < torn + late ? 'whole' : 'lost' };
  }

  // ---- Timer ------------------------------------------------------------------------------------

  #setTimer(atUs: number, fire: () => void): void {
    this.#timerUs = atUs;
    this.#fire = fire;
    this.rearm();
  }

  /** Looks at the timer no later than its moment; after the clock was changed, call it again. */
  rearm(): void {
    if (this.#timerUs === Number.POSITIVE_INFINITY) return;
    const { events } = this.#surroundings;
    const atUs = Math.max(events.nowUs, this.clock.whenUs(this.#timerUs));
    // An alarm that is set already comes early enough, and then looks again: most timers are set
    // anew long before they fire.
    if (atUs >= this.#alarmUs) return;
    this.#alarmUs = atUs;
    events.at(atUs, () => this.#alarm(atUs));
  }

  #alarm(atUs: number): void {
    if (this.#alarmUs !== atUs) return;
    this.#alarmUs = Number.POSITIVE_INFINITY;
    if (this.node === null || this.state !== 'running') return;
    if (this.clock.readUs(atUs) < this.#timerUs) {
      this.rearm();
      return;
    }
    this.#timerUs = Number.POSITIVE_INFINITY;
    this.turn(this.#fire);
  }
}
