/**
 * The host of one core: carries out its effects on a disk, a state machine and a flight of messages
 * that do only what they are told. Nothing happens by itself but this: a disk that is not held
 * reports every write and every snapshot at once, and committed entries are applied at once.
 */
import { describeEffect, describeInput, describeMessage } from '../../src/raft/describe.ts';
import { step } from '../../src/raft/raft.ts';
import { metaOf } from '../../src/raft/snapshot.ts';
import type {
  Answer,
  Configuration,
  Effect,
  Entry,
  Input,
  Message,
  NodeId,
  RaftState,
  Settings,
  SnapshotMeta,
} from '../../src/raft/types.ts';
import { flawOf } from '../../src/raft/validation.ts';
import {
  type Disk,
  execute,
  type Image,
  keepSnapshot,
  type Machine,
  machineOf,
  takeImage,
  write,
} from './disk.ts';
import { decodeCommand } from './fixture.ts';

/** A server's own time runs so many ppm faster than the network's, counted from an instant on. */
export type ServerClock = { ppm: number; sinceUs: number; readUs: number };

export type Server = {
  readonly id: NodeId;
  /** What it holds for the members before the first entry of its log. */
  readonly configuration: Configuration;
  /** `null` while crashed. */
  state: RaftState | null;
  starts: number;
  readonly disk: Disk;
  readonly clock: ServerClock;
  machine: Machine;
  /** Chunks of another server's snapshot. */
  receiving: { readonly snapshot: SnapshotMeta; bytes: Uint8Array } | null;
  /** Sends that wait until the persist of that number is durable. */
  outbox: { readonly message: Message; readonly waitsFor: number }[];
  lastSequence: number;
  /** The last persist that changed term or vote. */
  lastTermSequence: number;
  durableSequence: number;
};

/** `role` and `answer` lines are the ones worth reading in a long run. */
export type LineKind = 'input' | 'effect' | 'role' | 'answer' | 'network';

export type Observer = {
  readonly trace?: (line: string, kind: LineKind) => void;
  readonly onAnswer?: (server: Server, id: number, answer: Answer) => void;
  /** The machine has executed the entry, or stands where a snapshot put it. */
  readonly onApplied?: (server: Server, entry: Entry | null) => void;
};

export type Network = {
  readonly seed: number;
  readonly settings: Settings;
  readonly configuration: Configuration;
  /** How large snapshots are. */
  readonly imageBytes: number;
  readonly observer: Observer;
  nowUs: number;
  readonly servers: Map<NodeId, Server>;
  /** Sent, neither delivered nor dropped; oldest first. */
  readonly flight: Message[];
  /** Directed links, `n1->n2`, over which nothing new can be sent. */
  readonly cuts: Set<string>;
  /** Every snapshot ever taken: what arrives must be one of them. */
  readonly images: Image[];
};

export const MILLION = 1_000_000;

export function timeOf({ nowUs }: Network, { clock }: Server): number {
  const { ppm, readUs, sinceUs } = clock;
  return readUs + Math.floor(((nowUs - sinceUs) * (MILLION + ppm)) / MILLION);
}

type WithoutTime<T> = T extends Input ? Omit<T, 'nowUs'> : never;
export type UntimedInput = WithoutTime<Input>;

/** One input to one server; its effects are carried out before this returns. */
export function give(network: Network, server: Server, untimed: UntimedInput): void {
  const { state, disk } = server;
  const { trace } = network.observer;
  if (state === null) throw new Error(`${server.id} is down`);
  const input = { ...untimed, nowUs: timeOf(network, server) } as Input;
  if (input.kind === 'message') {
    const flaw = flawOf(state, input.nowUs, input.message);
    if (flaw !== null)
      throw new Error(`${server.id} would refuse ${describeInput(input)}: ${flaw}`);
  }
  const roleBefore = state.role;
  const effects = step(state, input);
  // Disks that are not held report at once: that they do is worth a line only if something follows.
  const silent = input.kind === 'applied' || (input.kind === 'persisted' && !disk.held);
  if (trace !== undefined && !(silent && effects.length === 0)) {
    trace(`${server.id} ${describeInput(input, decodeCommand)}`, 'input');
  }
  if (roleBefore !== state.role) traceRole(network, roleBefore.kind, state);
  for (const effect of effects) carryOut(network, server, state, effect);
  for (const effect of effects) {
    const last = effect.kind === 'apply' ? effect.entries.at(-1)?.index : undefined;
    const index = effect.kind === 'install' ? effect.snapshot.index : last;
    if (index !== undefined) give(network, server, { kind: 'applied', index });
  }
  if (!disk.held) reportPersists(network, server, disk.queue.length);
  if (!disk.snapshotsHeld) reportSnapshots(network, server, disk.snapshotQueue.length);
}

function traceRole(network: Network, before: string, state: RaftState): void {
  const { kind, reason } = state.role;
  const term = state.persistent.currentTerm;
  network.observer.trace?.(`  ${state.id}: ${before} -> ${kind}, term ${term}, ${reason}`, 'role');
}

function carryOut(network: Network, server: Server, state: RaftState, effect: Effect): void {
  const note = carriedOut(network, server, state, effect);
  const kind = effect.kind === 'answer' ? 'answer' : 'effect';
  // `after=term` stands on nearly every line; only the stricter `after=log` is worth its place.
  const text = (): string => describeEffect(effect, decodeCommand).replace(/ after=term$/, '');
  network.observer.trace?.(`  ${text()}${note}`, kind);
}

/** Returns what the transcript says of it beside the effect itself. */
function carriedOut(network: Network, server: Server, state: RaftState, effect: Effect): string {
  const { disk, machine } = server;
  switch (effect.kind) {
    case 'send':
      return send(network, server, effect.message, effect.after);
    case 'sendChunk':
      return sendChunk(network, server, effect);
    case 'persist':
      server.lastSequence = effect.sequence;
      if (effect.change.termAndVote !== null) server.lastTermSequence = effect.sequence;
      disk.queue.push({ sequence: effect.sequence, change: effect.change });
      return '';
    case 'apply':
      for (const entry of effect.entries) {
        execute(machine, entry);
        network.observer.onApplied?.(server, entry);
      }
      return '';
    case 'takeSnapshot': {
      const meta = metaOf(state, machine.index);
      const image = takeImage(server.id, meta, machine, network.imageBytes);
      network.images.push(image);
      disk.snapshotQueue.push({ kind: 'snapshotSaved', image });
      return ` of ${meta.index}/${meta.term}`;
    }
    case 'receiveChunk':
      return receiveChunk(network, server, effect);
    case 'install':
      if (disk.snapshot?.meta.index !== effect.snapshot.index) {
        throw new Error(`${server.id} installs a snapshot that its disk does not hold`);
      }
      server.machine = machineOf(disk.snapshot);
      network.observer.onApplied?.(server, null);
      return '';
    case 'answer':
      network.observer.onAnswer?.(server, effect.id, effect.answer);
      return '';
  }
}

/**
 * The durability rule: a send waits for the earlier persists, of this step and of those before,
 * that it must not overtake. Returns what the transcript says of it.
 */
function send(network: Network, server: Server, message: Message, after: 'term' | 'log'): string {
  const waitsFor = after === 'log' ? server.lastSequence : server.lastTermSequence;
  if (waitsFor > server.durableSequence) {
    server.outbox.push({ message, waitsFor });
    if (server.disk.held) return ` (waits for persist ${waitsFor})`;
  } else launch(network, message);
  return isCut(network, message) ? ' (cut)' : '';
}

function sendChunk(
  network: Network,
  server: Server,
  { message }: Effect & { kind: 'sendChunk' },
): string {
  const { snapshot } = server.disk;
  if (snapshot === null || snapshot.meta.index !== message.snapshot.index) return ' (gone)';
  const { offset } = message;
  const data = snapshot.bytes.slice(offset, offset + network.settings.chunkBytes);
  if (data.length === 0) return ' (behind its end)';
  const done = offset + data.length >= snapshot.bytes.length;
  return ` ${data.length}B${send(network, server, { ...message, data, done }, 'term')}`;
}

function receiveChunk(
  network: Network,
  server: Server,
  { snapshot, offset, data, done }: Effect & { kind: 'receiveChunk' },
): string {
  if (offset === 0) server.receiving = { snapshot, bytes: new Uint8Array(0) };
  const { receiving } = server;
  if (receiving === null || receiving.bytes.length !== offset) {
    throw new Error(`${server.id} is given bytes from ${offset} on that do not follow`);
  }
  receiving.bytes = Uint8Array.from([...receiving.bytes, ...data]);
  if (!done) return '';
  server.receiving = null;
  const image = network.images.find(
    ({ meta, bytes }) =>
      meta.index === snapshot.index &&
      bytes.length === receiving.bytes.length &&
      bytes.every((byte, i) => byte === receiving.bytes[i]),
  );
  if (image === undefined) throw new Error(`${server.id} was sent what no server took`);
  server.disk.snapshotQueue.push({ kind: 'snapshotReceived', image });
  return '';
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
    const text = describeMessage(message, decodeCommand);
    network.observer.trace?.(`  now send ${text}${lost}`, 'effect');
  }
}

/** The oldest `count` of the snapshots that are complete are durable, one after another. */
export function reportSnapshots(network: Network, server: Server, count: number): void {
  for (const { kind, image } of server.disk.snapshotQueue.splice(0, count)) {
    // None reaches the disk before the terms it tells of (types.ts, Effect).
    reportTerms(network, server);
    keepSnapshot(server.disk, image);
    if (kind === 'snapshotSaved') give(network, server, { kind, index: image.meta.index });
    else give(network, server, { kind, snapshot: image.meta });
  }
}

/** What is on its way to the disk, up to the last change of term or vote, gets there. */
function reportTerms(network: Network, server: Server): void {
  const last = server.disk.queue.findLastIndex(({ change }) => change.termAndVote !== null);
  if (last >= 0) reportPersists(network, server, last + 1);
}
