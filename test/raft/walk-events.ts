/** What may happen in a random walk (walk.ts), and how often. */
import { between, chance, pick, type RandomState } from '../../src/raft/random.ts';
import type { Index, ReadMode } from '../../src/raft/types.ts';
import { type Audit, auditNetwork } from './audit.ts';
import { encodeCommand } from './fixture.ts';
import { reportPersists, reportSnapshots } from './host.ts';
import {
  advance,
  crash,
  deliver,
  give,
  isolate,
  type Network,
  type Server,
  start,
  takeFromFlight,
} from './network.ts';

/** More than that are never in flight: the rest is lost. */
const FLIGHT_MAX = 60;
/** Who may be members; some are to begin with. */
export const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];

export type Asked = {
  readonly server: Server;
  /** The life in which it was asked: it owes nothing for an earlier one. */
  readonly starts: number;
  /** What had been committed when a read came in: the read must cover it (§6.4). */
  readonly floor: Index;
};

export type Walk = {
  readonly rng: RandomState;
  readonly network: Network;
  readonly audit: Audit;
  /** What has not been answered. */
  readonly asked: Map<number, Asked>;
  readonly counts: Counts;
  requests: number;
};

/** What a walk came to, so that a test can tell whether it has shown anything. */
export type Counts = {
  committed: number;
  leaders: number;
  configurations: number;
  installed: number;
  transfers: number;
  leaseReads: number;
  followerReads: number;
};

/** The weights make for long stretches in which leaders get something done, also two at once. */
const EVENT_WEIGHTS: readonly (readonly [weight: number, event: (one: Walk) => void])[] = [
  [25, (one) => withMessage(one, (message) => deliver(one.network, message))],
  [110, (one) => one.network.flight[0] && deliver(one.network, one.network.flight[0])],
  [4, (one) => withMessage(one, (message) => takeFromFlight(one.network, message))],
  [4, (one) => withMessage(one, (message) => one.network.flight.push({ ...message }))],
  [10, (one) => advance(one.network, between(one.rng, 1_000, 60_000))],
  [6, (one) => advance(one.network, between(one.rng, 1, 1_000))],
  [30, (one) => withServer(one, (server) => request(one, leaderOr(one, server)))],
  [4, (one) => withServer(one, (server) => operate(one, leaderOr(one, server)))],
  [1, (one) => withServer(one, (server) => crash(server))],
  [4, (one) => withServer(one, (server) => start(one.network, server), false)],
  [3, (one) => withServer(one, (server) => holdDisk(one, server))],
  [8, (one) => withServer(one, (server) => reportSome(one, server))],
  [1, (one) => isolate(one.network, leaderOr(one, anyServer(one)).id)],
  [1, (one) => part(one)],
  [1, (one) => goOnWithout(one, leaderOr(one, anyServer(one)))],
  [1, (one) => one.network.cuts.add(`${anyServer(one).id}->${anyServer(one).id}`)],
  [2, (one) => one.network.cuts.clear()],
];

const WEIGHT_SUM = EVENT_WEIGHTS.reduce((sum, [weight]) => sum + weight, 0);

export function randomEvent(one: Walk): void {
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

/** Mostly a leader, as clients look for one. */
function leaderOr(one: Walk, otherwise: Server): Server {
  const servers = [...one.network.servers.values()];
  const leaders = servers.filter(({ state }) => state?.role.kind === 'leader');
  return leaders.length > 0 && chance(one.rng, 0.7) ? pick(one.rng, leaders) : otherwise;
}

function anyServer(one: Walk): Server {
  return pick(one.rng, [...one.network.servers.values()]);
}

/** A partition: who is on this side hears nobody on the other. */
function part(one: Walk): void {
  const ids = [...one.network.servers.keys()];
  const side = ids.filter(() => chance(one.rng, 0.5));
  for (const from of ids) {
    for (const to of ids) {
      if (side.includes(from) !== side.includes(to)) one.network.cuts.add(`${from}->${to}`);
    }
  }
}

/**
 * The others go on while all that one server sends and is sent is under way, and arrives later:
 * what a leader does that does not know of the next one.
 */
function goOnWithout(one: Walk, { id }: Server): void {
  const { network, rng } = one;
  for (let rounds = between(rng, 1, 30); rounds > 0; rounds--) {
    advance(network, between(rng, 1_000, 20_000));
    for (const message of [...network.flight]) {
      if (message.from !== id && message.to !== id) deliver(network, message);
    }
    auditNetwork(one.audit, network);
  }
}

function ask(one: Walk, server: Server): number {
  const id = ++one.requests;
  one.asked.set(id, { server, starts: server.starts, floor: one.audit.committed.length });
  return id;
}

function request(one: Walk, server: Server): void {
  const id = ask(one, server);
  if (chance(one.rng, 0.5)) {
    give(one.network, server, { kind: 'propose', id, command: encodeCommand(`x${id}`) });
    return;
  }
  const mode: ReadMode = pick(one.rng, ['readIndex', 'lease', 'follower']);
  give(one.network, server, { kind: 'read', id, mode });
  const leads = server.state?.role.kind === 'leader';
  if (mode === 'lease' && leads && !one.asked.has(id)) one.counts.leaseReads++;
}

/** What an operator asks for: snapshots, other members, another leader. */
function operate(one: Walk, server: Server): void {
  const { rng, network } = one;
  if (chance(rng, 0.3)) {
    give(network, server, { kind: 'snapshotNow' });
  } else if (chance(rng, 0.4)) {
    const id = ask(one, server);
    give(network, server, { kind: 'transfer', id, to: anyServer(one).id });
    if (one.asked.has(id)) one.counts.transfers++;
  } else {
    const voters = NAMES.filter(() => chance(rng, 0.6));
    const learners = NAMES.filter((name) => !voters.includes(name) && chance(rng, 0.3));
    const id = ask(one, server);
    const catchUp = chance(rng, 0.7);
    give(network, server, { kind: 'configure', id, membership: { voters, learners }, catchUp });
  }
}

function holdDisk(one: Walk, { disk }: Server): void {
  if (chance(one.rng, 0.5)) disk.held = true;
  else disk.snapshotsHeld = true;
}

function reportSome(one: Walk, server: Server): void {
  const { disk } = server;
  const { network, rng } = one;
  if (disk.queue.length > 0) reportPersists(network, server, between(rng, 1, disk.queue.length));
  if (chance(rng, 0.5)) reportSnapshots(network, server, 1);
  if (chance(rng, 0.5)) release(network, server);
}

export function release(network: Network, server: Server): void {
  server.disk.held = false;
  server.disk.snapshotsHeld = false;
  reportPersists(network, server, server.disk.queue.length);
  reportSnapshots(network, server, server.disk.snapshotQueue.length);
}
