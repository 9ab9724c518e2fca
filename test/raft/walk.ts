/**
 * A random walk: a few cores under random delivery, loss, duplication, reordering, timers, crashes,
 * slow disks and cuts, audited after every event; then everything is healed, and they must agree
 * and go on.
 *
 *     node test/raft/walk.ts 123    walks that seed and prints what happened, event by event
 */
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { Index, NodeId, Settings } from '../../src/raft/types.ts';
import { type Audit, auditNetwork, createAudit } from './audit.ts';
import { encodeCommand, SETTINGS, simple } from './fixture.ts';
import {
  advance,
  crash,
  createNetwork,
  deliver,
  give,
  isolate,
  type Network,
  reportPersists,
  type Server,
  stabilize,
  start,
  takeFromFlight,
} from './network.ts';

const EVENTS = 1_500;
/** More than that are never in flight: the rest is lost. */
const FLIGHT_MAX = 60;

type Walk = {
  readonly rng: RandomState;
  readonly network: Network;
  readonly audit: Audit;
  /** What had been committed when a read came in: the read must cover it (§6.4). */
  readonly floors: Map<number, Index>;
  requests: number;
};

export type WalkResult = { readonly committed: number; readonly leaders: number };

/**
 * Throws at the first thing that does not hold; the message names the seed and how to replay it.
 */
export function walk(seed: number, trace: Network['trace'] = null): WalkResult {
  try {
    const one = createWalk(seed, trace);
    for (let event = 0; event < EVENTS; event++) {
      randomEvent(one);
      auditNetwork(one.audit, one.network);
    }
    healAndDemand(one);
    return { committed: one.audit.committed.length, leaders: one.audit.leaders.size };
  } catch (error) {
    if (error instanceof Error) {
      error.message = `seed ${seed}: ${error.message}\nREPRODUCE: node test/raft/walk.ts ${seed}`;
    }
    throw error;
  }
}

function createWalk(seed: number, trace: Network['trace']): Walk {
  const rng = fork(seed, 'walk');
  const floors = new Map<number, Index>();
  const voters = ['n1', 'n2', 'n3', 'n4', 'n5'].slice(0, chance(rng, 0.5) ? 3 : 5);
  const network = createNetwork({
    seed,
    settings: randomSettings(rng),
    configuration: simple(...voters),
    trace,
    onAnswer: (server, id, answer) => {
      const floor = floors.get(id);
      if (answer.kind !== 'readable' || floor === undefined || answer.index >= floor) return;
      throw new Error(`stale read #${id} on ${server.id}: ${answer.index}, committed was ${floor}`);
    },
  });
  return { rng, network, audit: createAudit(), floors, requests: 0 };
}

function randomSettings(rng: RandomState): Settings {
  return {
    ...SETTINGS,
    preVote: chance(rng, 0.5),
    checkQuorum: chance(rng, 0.5),
    leaderStickiness: chance(rng, 0.5),
    parallelDiskWrite: chance(rng, 0.7),
    windowMessages: between(rng, 1, 4),
    batchEntries: between(rng, 1, 4),
  };
}

/** The weights make for long stretches in which leaders get something done. */
const EVENT_WEIGHTS: readonly (readonly [weight: number, event: (one: Walk) => void])[] = [
  [30, (one) => withMessage(one, (message) => deliver(one.network, message))],
  [45, (one) => one.network.flight[0] && deliver(one.network, one.network.flight[0])],
  [4, (one) => withMessage(one, (message) => takeFromFlight(one.network, message))],
  [4, (one) => withMessage(one, (message) => one.network.flight.push({ ...message }))],
  [5, (one) => advance(one.network, between(one.rng, 1_000, 100_000))],
  [12, (one) => withServer(one, (server) => request(one, server))],
  [1, (one) => withServer(one, (server) => crash(server))],
  [4, (one) => withServer(one, (server) => start(one.network, server), false)],
  [3, (one) => withServer(one, (server) => holdDisk(server))],
  [8, (one) => withServer(one, (server) => reportSome(one, server))],
  [1, (one) => isolate(one.network, pick(one.rng, [...one.network.servers.keys()]))],
  [1, (one) => one.network.cuts.add(`${anyId(one)}->${anyId(one)}`)],
  [3, (one) => one.network.cuts.clear()],
];

const WEIGHT_SUM = EVENT_WEIGHTS.reduce((sum, [weight]) => sum + weight, 0);

function randomEvent(one: Walk): void {
  let left = between(one.rng, 1, WEIGHT_SUM);
  for (const [weight, event] of EVENT_WEIGHTS) {
    left -= weight;
    if (left > 0) continue;
    event(one);
    break;
  }
  while (one.network.flight.length > FLIGHT_MAX) {
    takeFromFlight(one.network, pick(one.rng, one.network.flight));
  }
}

function withMessage(one: Walk, act: (message: Network['flight'][number]) => void): void {
  if (one.network.flight.length > 0) act(pick(one.rng, one.network.flight));
}

function withServer(one: Walk, act: (server: Server) => void, running = true): void {
  const meant = [...one.network.servers.values()].filter(
    (server) => (server.state !== null) === running,
  );
  if (meant.length > 0) act(pick(one.rng, meant));
}

function anyId(one: Walk): NodeId {
  return pick(one.rng, [...one.network.servers.keys()]);
}

function request(one: Walk, server: Server): void {
  const id = ++one.requests;
  if (chance(one.rng, 0.4)) {
    one.floors.set(id, one.audit.committed.length);
    give(one.network, server, { kind: 'read', id, mode: 'readIndex' });
  } else {
    give(one.network, server, { kind: 'propose', id, command: encodeCommand(`x${id}`) });
  }
}

function holdDisk(server: Server): void {
  server.disk.held = true;
}

function reportSome(one: Walk, server: Server): void {
  const { disk } = server;
  if (disk.queue.length > 0) {
    reportPersists(one.network, server, between(one.rng, 1, disk.queue.length));
  }
  if (chance(one.rng, 0.5)) {
    reportPersists(one.network, server, disk.queue.length);
    disk.held = false;
  }
}

/** Without faults there must be a leader, all must agree, and a new command must reach them all. */
function healAndDemand(one: Walk): void {
  const { network, audit } = one;
  network.cuts.clear();
  for (const server of network.servers.values()) {
    reportPersists(network, server, server.disk.queue.length);
    server.disk.held = false;
    if (server.state === null) start(network, server);
  }
  const settle = (): void => {
    stabilize(network);
    auditNetwork(audit, network);
  };
  settle();
  advance(network, 3_000_000, settle);
  const servers = [...network.servers.values()];
  const leader = servers.find((server) => server.state?.role.kind === 'leader');
  if (leader === undefined) throw new Error('healed, and no leader after 3 s');
  const before = audit.committed.length;
  give(network, leader, { kind: 'propose', id: 0, command: encodeCommand('last') });
  settle();
  advance(network, 200_000, settle);
  if (audit.committed.length <= before) throw new Error('healed, and nothing commits');
  for (const { id, state } of servers) {
    const applied = state?.volatile.lastApplied ?? 0;
    if (applied === audit.committed.length) continue;
    throw new Error(`healed, and ${id} has applied ${applied} of ${audit.committed.length}`);
  }
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? 1);
  const { committed, leaders } = walk(seed, (line) => console.log(line));
  console.log(`seed ${seed} holds: ${committed} entries committed, ${leaders} terms with a leader`);
}
