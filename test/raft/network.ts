/**
 * A few cores on a network, a clock and disks that do only what they are told: for golden scripts
 * and random walks. Nothing happens by itself but this: an unheld disk reports every write at once,
 * and committed entries are applied at once.
 */
import { describeEffect, describeInput, describeMessage } from '../../src/raft/describe.ts';
import { create, nextDeadlineUs, step } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type {
  Answer,
  Configuration,
  Effect,
  Entry,
  Input,
  Message,
  NodeId,
  PersistChange,
  RaftState,
  Settings,
  Term,
} from '../../src/raft/types.ts';
import { decodeCommand } from './fixture.ts';

export type Disk = {
  /** What a crash leaves. */
  currentTerm: Term;
  votedFor: NodeId | null;
  readonly entries: Entry[];
  /** Handed to the disk and not reported durable, oldest first; a crash loses them. */
  queue: { readonly sequence: number; readonly change: PersistChange }[];
  held: boolean;
};

export type Server = {
  readonly id: NodeId;
  /** `null` while crashed. */
  state: RaftState | null;
  starts: number;
  readonly disk: Disk;
  /** Sends that wait until the persist of that number is durable. */
  outbox: { readonly message: Message; readonly waitsFor: number }[];
  lastSequence: number;
  /** The last persist that changed term or vote. */
  lastTermSequence: number;
  durableSequence: number;
};

/** `role` and `answer` lines are the ones worth reading in a long run. */
export type LineKind = 'input' | 'effect' | 'role' | 'answer' | 'network';

export type Network = {
  readonly seed: number;
  readonly settings: Settings;
  readonly configuration: Configuration;
  nowUs: number;
  readonly servers: Map<NodeId, Server>;
  /** Sent, neither delivered nor dropped; oldest first. */
  readonly flight: Message[];
  /** Directed links, `n1->n2`, over which nothing new can be sent. */
  readonly cuts: Set<string>;
  readonly trace: ((line: string, kind: LineKind) => void) | null;
  readonly onAnswer: ((server: Server, id: number, answer: Answer) => void) | null;
};

export type NetworkOptions = {
  readonly seed: number;
  readonly settings: Settings;
  readonly configuration: Configuration;
  readonly trace?: Network['trace'];
  readonly onAnswer?: Network['onAnswer'];
};

export function createNetwork(options: NetworkOptions): Network {
  const network: Network = {
    seed: options.seed,
    settings: options.settings,
    configuration: options.configuration,
    nowUs: 0,
    servers: new Map(),
    flight: [],
    cuts: new Set(),
    trace: options.trace ?? null,
    onAnswer: options.onAnswer ?? null,
  };
  for (const id of options.configuration.voters) addServer(network, id, 0, null, []);
  return network;
}

/** Adds a server, or replaces it, starting it from what its disk is said to hold. */
export function addServer(
  network: Network,
  id: NodeId,
  currentTerm: Term,
  votedFor: NodeId | null,
  entries: readonly Entry[],
): void {
  const disk: Disk = { currentTerm, votedFor, entries: [...entries], queue: [], held: false };
  const server: Server = {
    id,
    state: null,
    starts: 0,
    disk,
    outbox: [],
    lastSequence: 0,
    lastTermSequence: 0,
    durableSequence: 0,
  };
  network.servers.set(id, server);
  start(network, server);
}

export function serverOf(network: Network, id: NodeId): Server {
  const server = network.servers.get(id);
  if (server === undefined) throw new Error(`no server ${id}`);
  return server;
}

/** Starts a server, the first time or again, from what its disk holds. */
export function start(network: Network, server: Server): void {
  if (server.state !== null) throw new Error(`${server.id} is running`);
  server.starts++;
  server.lastSequence = 0;
  server.lastTermSequence = 0;
  server.durableSequence = 0;
  server.state = create({
    id: server.id,
    settings: network.settings,
    rng: fork(network.seed, `raft ${server.id} start ${server.starts}`),
    nowUs: network.nowUs,
    configuration: network.configuration,
    currentTerm: server.disk.currentTerm,
    votedFor: server.disk.votedFor,
    entries: server.disk.entries,
  });
}

/** All is lost but what was reported durable, and what is on the network already. */
export function crash(server: Server): void {
  server.state = null;
  server.outbox = [];
  server.disk.queue = [];
}

type WithoutTime<T> = T extends Input ? Omit<T, 'nowUs'> : never;
export type UntimedInput = WithoutTime<Input>;

/** One input to one server; its effects are carried out before this returns. */
export function give(network: Network, server: Server, untimed: UntimedInput): void {
  const { state, disk } = server;
  if (state === null) throw new Error(`${server.id} is down`);
  const input = { ...untimed, nowUs: network.nowUs } as Input;
  const roleBefore = state.role;
  const effects = step(state, input);
  // Disks that are not held report at once: that they do is worth a line only if something follows.
  const silent = input.kind === 'applied' || (input.kind === 'persisted' && !disk.held);
  if (network.trace !== null && !(silent && effects.length === 0)) {
    network.trace(`${server.id} ${describeInput(input, decodeCommand)}`, 'input');
  }
  if (roleBefore !== state.role) traceRole(network, roleBefore.kind, state);
  for (const effect of effects) carryOut(network, server, effect);
  for (const effect of effects) {
    const last = effect.kind === 'apply' ? effect.entries.at(-1) : undefined;
    if (last !== undefined) give(network, server, { kind: 'applied', index: last.index });
  }
  if (!disk.held) reportPersists(network, server, disk.queue.length);
}

function traceRole(network: Network, before: string, state: RaftState): void {
  const { kind, reason } = state.role;
  const term = state.persistent.currentTerm;
  network.trace?.(`  ${state.id}: ${before} -> ${kind}, term ${term}, ${reason}`, 'role');
}

function carryOut(network: Network, server: Server, effect: Effect): void {
  const note = effect.kind === 'send' ? send(network, server, effect) : '';
  const kind = effect.kind === 'answer' ? 'answer' : 'effect';
  // `after=term` stands on nearly every line; only the stricter `after=log` is worth its place.
  if (network.trace !== null) {
    const text = describeEffect(effect, decodeCommand).replace(/ after=term$/, '');
    network.trace(`  ${text}${note}`, kind);
  }
  switch (effect.kind) {
    case 'persist':
      server.lastSequence = effect.sequence;
      if (effect.change.termAndVote !== null) server.lastTermSequence = effect.sequence;
      server.disk.queue.push({ sequence: effect.sequence, change: effect.change });
      break;
    case 'answer':
      network.onAnswer?.(server, effect.id, effect.answer);
      break;
    default:
      break;
  }
}

/**
 * The durability rule: a send waits for the earlier persists, of this step and of those before,
 * that it must not overtake. Returns what the transcript says of it.
 */
function send(network: Network, server: Server, effect: Effect & { kind: 'send' }): string {
  const waitsFor = effect.after === 'log' ? server.lastSequence : server.lastTermSequence;
  if (waitsFor > server.durableSequence) {
    server.outbox.push({ message: effect.message, waitsFor });
    if (server.disk.held) return ` (waits for persist ${waitsFor})`;
  } else launch(network, effect.message);
  return isCut(network, effect.message) ? ' (cut)' : '';
}

function launch(network: Network, message: Message): void {
  if (!isCut(network, message)) network.flight.push(message);
}

function isCut(network: Network, message: Message): boolean {
  return network.cuts.has(`${message.from}->${message.to}`);
}

/** The disk reports the oldest `count` of its writes durable, all with one report. */
export function reportPersists(network: Network, server: Server, count: number): void {
  const done = server.disk.queue.splice(0, count);
  const last = done.at(-1);
  if (last === undefined) return;
  for (const { change } of done) write(server.disk, change);
  server.durableSequence = last.sequence;
  // A node would release the sends and report in either order; the core must not care.
  give(network, server, { kind: 'persisted', sequence: last.sequence });
  const released = server.outbox.filter((waiting) => waiting.waitsFor <= last.sequence);
  server.outbox = server.outbox.filter((waiting) => waiting.waitsFor > last.sequence);
  for (const { message } of released) {
    launch(network, message);
    if (!server.disk.held) continue;
    const lost = isCut(network, message) ? ' (cut)' : '';
    network.trace?.(`  now send ${describeMessage(message, decodeCommand)}${lost}`, 'effect');
  }
}

function write(disk: Disk, change: PersistChange): void {
  if (change.termAndVote !== null) {
    disk.currentTerm = change.termAndVote.currentTerm;
    disk.votedFor = change.termAndVote.votedFor;
  }
  if (change.truncateFrom !== null) disk.entries.length = change.truncateFrom - 1;
  disk.entries.push(...change.entries);
}

/** Delivers one message of the flight; to a server that is down, it is lost. */
export function deliver(network: Network, message: Message): void {
  takeFromFlight(network, message);
  const server = serverOf(network, message.to);
  if (server.state === null) {
    network.trace?.(`${server.id} is down: a ${message.kind} is lost`, 'network');
    return;
  }
  give(network, server, { kind: 'message', message });
}

export function takeFromFlight(network: Network, message: Message): void {
  const at = network.flight.indexOf(message);
  if (at < 0) throw new Error('this message is not in flight');
  network.flight.splice(at, 1);
}

/** Delivers what is in flight, and what that brings about, in the order sent; no time passes. */
export function stabilize(network: Network): void {
  for (let delivered = 0; network.flight.length > 0; delivered++) {
    if (delivered > 10_000) throw new Error('messages without end');
    deliver(network, network.flight[0] as Message);
  }
}

/** Moves the clock to the server's deadline, if that lies ahead, and fires its timer alone. */
export function fireTimer(network: Network, server: Server): void {
  if (server.state === null) throw new Error(`${server.id} is down`);
  const deadlineUs = nextDeadlineUs(server.state);
  if (!Number.isFinite(deadlineUs)) throw new Error(`${server.id} awaits nothing`);
  network.nowUs = Math.max(network.nowUs, deadlineUs);
  give(network, server, { kind: 'timer' });
  if (nextDeadlineUs(server.state) <= deadlineUs) throw new Error(`${server.id}: timer stuck`);
}

/** Lets time pass, firing every timer that falls due, in order; `between` runs after each. */
export function advance(network: Network, byUs: number, between: () => void = () => {}): void {
  const untilUs = network.nowUs + byUs;
  for (;;) {
    const next = nextToFire(network);
    if (next?.state == null || nextDeadlineUs(next.state) > untilUs) break;
    fireTimer(network, next);
    between();
  }
  network.nowUs = untilUs;
}

function nextToFire(network: Network): Server | null {
  let next: Server | null = null;
  let earliestUs = Number.POSITIVE_INFINITY;
  for (const server of network.servers.values()) {
    if (server.state === null || nextDeadlineUs(server.state) >= earliestUs) continue;
    next = server;
    earliestUs = nextDeadlineUs(server.state);
  }
  return next;
}

/** No server can send to `id`, and `id` to none. */
export function isolate(network: Network, id: NodeId): void {
  for (const other of network.servers.keys()) {
    if (other === id) continue;
    network.cuts.add(`${id}->${other}`);
    network.cuts.add(`${other}->${id}`);
  }
}
