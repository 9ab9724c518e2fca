/**
 * A few hosts (host.ts) on a network, each with a clock of its own: for golden scripts and random
 * walks. Messages arrive, are lost, doubled and swapped as told; time passes when told.
 */
import { addressOf, memberName } from '../../src/raft/identity.ts';
import { create, nextDeadlineUs } from '../../src/raft/raft.ts';
import { fork } from '../../src/raft/random.ts';
import type { Configuration, Message, NodeId, Settings } from '../../src/raft/types.ts';
import { createDisk, type Disk, machineOf, recover } from './disk.ts';
import { give, MILLION, type Network, type Observer, type Server, timeOf } from './host.ts';

export { give, type Network, type Server } from './host.ts';

export type NetworkOptions = {
  readonly seed: number;
  readonly settings: Settings;
  readonly configuration: Configuration;
  readonly imageBytes?: number;
  readonly observer?: Observer;
};

const IMAGE_BYTES = 25;

export function createNetwork(options: NetworkOptions): Network {
  const network: Network = {
    seed: options.seed,
    settings: options.settings,
    configuration: options.configuration,
    imageBytes: options.imageBytes ?? IMAGE_BYTES,
    observer: options.observer ?? {},
    nowUs: 0,
    servers: new Map(),
    flight: [],
    cuts: new Set(),
    images: [],
  };
  for (const id of options.configuration.voters) addServer(network, id, createDisk(0, null, []));
  return network;
}

/** Adds a server, or replaces it, starting it from this disk. */
export function addServer(
  network: Network,
  id: NodeId,
  disk: Disk,
  configuration: Configuration = network.configuration,
): void {
  const server: Server = {
    id,
    configuration,
    state: null,
    starts: 0,
    disk,
    clock: { ppm: 0, sinceUs: 0, readUs: 0 },
    machine: machineOf(null),
    receiving: null,
    outbox: [],
    lastSequence: 0,
    lastTermSequence: 0,
    durableSequence: 0,
  };
  network.servers.set(id, server);
  start(network, server);
}

/** A server that nobody has told of anything: it waits to be added (§4.2.1). */
export function addBlank(network: Network, id: NodeId): void {
  const nobody = { voters: [], outgoing: [], learners: [] };
  addServer(network, id, createDisk(0, null, []), nobody);
}

export function serverOf(network: Network, id: NodeId): Server {
  const server = network.servers.get(id);
  if (server === undefined) throw new Error(`no server ${id}`);
  return server;
}

/** Starts a server, the first time or again, from what its disk holds. */
export function start(network: Network, server: Server): void {
  const { disk, id } = server;
  if (server.state !== null) throw new Error(`${id} is running`);
  recover(disk);
  server.starts++;
  server.lastSequence = 0;
  server.lastTermSequence = 0;
  server.durableSequence = 0;
  server.receiving = null;
  server.machine = machineOf(disk.snapshot);
  server.state = create({
    id,
    settings: network.settings,
    rng: fork(network.seed, `raft ${id} start ${server.starts}`),
    nowUs: timeOf(network, server),
    configuration: server.configuration,
    currentTerm: disk.currentTerm,
    votedFor: disk.votedFor,
    baseIndex: disk.baseIndex,
    baseTerm: disk.baseTerm,
    entries: disk.entries,
    snapshot: disk.snapshot?.meta ?? null,
  });
}

/** All is lost but what was reported durable, and what is on the network already. */
export function crash(server: Server): void {
  server.state = null;
  server.outbox = [];
  server.receiving = null;
  server.disk.queue = [];
  server.disk.snapshotQueue = [];
}

/** The server loses its disk, and begins anew under a name that never promised anything. */
export function wipe(network: Network, server: Server): Server {
  const [id, incarnation = 1] = server.id.split('#');
  const name = memberName(id ?? server.id, Number(incarnation) + 1);
  network.servers.delete(server.id);
  addBlank(network, name);
  return serverOf(network, name);
}

// ---- Messages -----------------------------------------------------------------------------------

/** Delivers one message of the flight; to a server that is down, it is lost. */
export function deliver(network: Network, message: Message): void {
  takeFromFlight(network, message);
  const { trace } = network.observer;
  const server = network.servers.get(message.to);
  if (server === undefined) {
    // As a node does, the network knows addresses and leaves names to who lives there.
    const other = [...network.servers.keys()].find((id) => addressOf(id) === addressOf(message.to));
    trace?.(`${other ?? 'nobody'} is not ${message.to}: a ${message.kind} is ignored`, 'network');
  } else if (server.state === null) {
    trace?.(`${server.id} is down: a ${message.kind} is lost`, 'network');
  } else give(network, server, { kind: 'message', message });
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

/** No server can send to `id`, and `id` to none. */
export function isolate(network: Network, id: NodeId): void {
  for (const other of network.servers.keys()) {
    if (other === id) continue;
    network.cuts.add(`${id}->${other}`);
    network.cuts.add(`${other}->${id}`);
  }
}

// ---- Time ---------------------------------------------------------------------------------------

/** From now on the server's clock runs so many ppm fast. */
export function setClock(network: Network, server: Server, ppm: number): void {
  const readUs = timeOf(network, server);
  Object.assign(server.clock, { ppm, readUs, sinceUs: network.nowUs });
}

/** When the server's timer is due, on the network's clock; infinite if it is down. */
function dueUs({ clock, state }: Server): number {
  if (state === null) return Number.POSITIVE_INFINITY;
  const waitUs = ((nextDeadlineUs(state) - clock.readUs) * MILLION) / (MILLION + clock.ppm);
  return clock.sinceUs + Math.ceil(waitUs);
}

/** Moves the clock to the server's deadline, if that lies ahead, and fires its timer alone. */
export function fireTimer(network: Network, server: Server): void {
  if (server.state === null) throw new Error(`${server.id} is down`);
  const deadlineUs = nextDeadlineUs(server.state);
  if (!Number.isFinite(deadlineUs)) throw new Error(`${server.id} awaits nothing`);
  network.nowUs = Math.max(network.nowUs, dueUs(server));
  give(network, server, { kind: 'timer' });
  if (nextDeadlineUs(server.state) <= deadlineUs) throw new Error(`${server.id}: timer stuck`);
}

/** Lets time pass, firing every timer that falls due, in order; `between` runs after each. */
export function advance(network: Network, byUs: number, between: () => void = () => {}): void {
  const untilUs = network.nowUs + byUs;
  for (;;) {
    let next: Server | null = null;
    for (const server of network.servers.values()) {
      if (dueUs(server) <= untilUs && (next === null || dueUs(server) < dueUs(next))) next = server;
    }
    if (next === null) break;
    fireTimer(network, next);
    between();
  }
  network.nowUs = untilUs;
}
