/**
 * A random walk: a few cores under random delivery, loss, duplication, reordering, timers, crashes,
 * slow disks, cuts and clocks that drift, while they are asked for commands, reads of every kind,
 * snapshots, other members and other leaders; audited after every event. Then everything is healed,
 * and they must agree and go on, and whoever asked must have been answered.
 *
 *     node test/raft/walk.ts 123    walks that seed and prints what happened, event by event
 */
import { latestConfiguration } from '../../src/raft/log.ts';
import { peersOf } from '../../src/raft/quorum.ts';
import { between, chance, fork, pick, type RandomState } from '../../src/raft/random.ts';
import type { NodeId, Settings } from '../../src/raft/types.ts';
import { auditApplied, auditNetwork, createAudit, membersOf } from './audit.ts';
import { encodeCommand, SETTINGS, simple } from './fixture.ts';
import type { Observer } from './host.ts';
import {
  addBlank,
  advance,
  crash,
  createNetwork,
  give,
  type Network,
  type Server,
  setClock,
  stabilize,
  start,
} from './network.ts';
import { type Asked, type Counts, NAMES, randomEvent, release, type Walk } from './walk-events.ts';

const EVENTS = 1_000;
const DRIFT_PPM = 50_000;

/**
 * Throws at the first thing that does not hold; the message names the seed and how to replay it.
 */
export function walk(seed: number, trace?: Observer['trace']): Counts {
  try {
    const one = createWalk(seed, trace);
    for (let event = 0; event < EVENTS; event++) {
      randomEvent(one);
      auditNetwork(one.audit, one.network);
    }
    healAndDemand(one);
    return one.counts;
  } catch (error) {
    if (error instanceof Error) {
      error.message = `seed ${seed}: ${error.message}\nREPRODUCE: node test/raft/walk.ts ${seed}`;
    }
    throw error;
  }
}

function createWalk(seed: number, trace: Observer['trace']): Walk {
  const rng = fork(seed, 'walk');
  const audit = createAudit();
  const asked = new Map<number, Asked>();
  const counts: Counts = {
    committed: 0,
    leaders: 0,
    configurations: 0,
    installed: 0,
    transfers: 0,
    leaseReads: 0,
    followerReads: 0,
  };
  const network = createNetwork({
    seed,
    settings: randomSettings(rng),
    configuration: simple(...NAMES.slice(0, pick(rng, [1, 2, 3, 3, 3, 4, 5]))),
    imageBytes: between(rng, 4, 60),
    observer: {
      ...(trace === undefined ? {} : { trace }),
      onAnswer: (server, id, answer) => {
        const floor = asked.get(id)?.floor ?? 0;
        asked.delete(id);
        const leads = server.state?.role.kind === 'leader';
        if (answer.kind === 'readable' && !leads) counts.followerReads++;
        if (answer.kind !== 'readable' || answer.index >= floor) return;
        const what = `${answer.index}, committed was ${floor}`;
        throw new Error(`stale read #${id} on ${server.id}: ${what}`);
      },
      onApplied: (server, entry) => {
        if (entry === null) counts.installed++;
        auditApplied(audit, server, entry);
      },
    },
  });
  for (const id of NAMES) if (!network.servers.has(id)) addBlank(network, id);
  for (const server of network.servers.values()) {
    setClock(network, server, between(rng, -DRIFT_PPM, DRIFT_PPM));
  }
  return { rng, network, audit, asked, counts, requests: 0 };
}

function randomSettings(rng: RandomState): Settings {
  const leases = chance(rng, 0.5);
  return {
    ...SETTINGS,
    preVote: chance(rng, 0.5),
    checkQuorum: chance(rng, 0.5),
    leaderStickiness: leases || chance(rng, 0.5),
    parallelDiskWrite: chance(rng, 0.7),
    windowMessages: between(rng, 1, 4),
    windowBytes: pick(rng, [1, 60, SETTINGS.windowBytes]),
    batchEntries: between(rng, 1, 4),
    uncommittedBytes: pick(rng, [100, SETTINGS.uncommittedBytes]),
    snapshotEntries: pick(rng, [2, 5, 20, SETTINGS.snapshotEntries]),
    keptEntries: pick(rng, [0, 1, 4]),
    chunkBytes: between(rng, 5, 60),
    clockDriftPpm: leases ? DRIFT_PPM : null,
    catchUpTimeoutMs: pick(rng, [50, 500, 5_000]),
    adaptiveTimeout: chance(rng, 0.3) ? { floorMs: between(rng, 100, 200), factor: 5 } : null,
  };
}

/**
 * Without faults there must be a leader, the members must agree, a new command must reach them all,
 * and who asked must know. Servers that have left are switched off: not all know it.
 */
function healAndDemand(one: Walk): void {
  const { network, audit, asked, counts } = one;
  network.cuts.clear();
  for (const server of network.servers.values()) {
    if (server.state === null) start(network, server);
    release(network, server);
  }
  const settle = (): void => {
    stabilize(network);
    auditNetwork(audit, network);
  };
  // Changes under way bring others in, and leave some out, who may not know: twice will do.
  for (let changes = 0; changes < 3; changes++) {
    keepOnly(network, membersOf(audit, network));
    settle();
    advance(network, 2_000_000, settle);
  }
  const leader = leaderOf(network);
  const before = audit.committed.length;
  give(network, leader, { kind: 'propose', id: 0, command: encodeCommand('last') });
  settle();
  advance(network, 3_000_000, settle);
  if (audit.committed.length <= before) throw new Error('healed, and nothing commits');
  for (const id of membersOfLeader(network)) {
    const applied = network.servers.get(id)?.state?.volatile.lastApplied ?? 0;
    if (applied === audit.committed.length) continue;
    throw new Error(`healed, and ${id} has applied ${applied} of ${audit.committed.length}`);
  }
  for (const [id, { server, starts }] of asked) {
    if (server.state === null || server.starts !== starts) continue;
    throw new Error(`healed, and ${server.id} has not answered #${id}`);
  }
  counts.committed = audit.committed.length;
  counts.leaders = audit.leaders.size;
  for (const { entry } of audit.committed)
    if (entry.kind === 'configuration') counts.configurations++;
}

function keepOnly(network: Network, members: readonly NodeId[]): void {
  for (const server of network.servers.values()) {
    if (!members.includes(server.id)) crash(server);
    else if (server.state === null) start(network, server);
  }
}

function leaderOf(network: Network): Server {
  const leader = [...network.servers.values()].find(({ state }) => state?.role.kind === 'leader');
  if (leader === undefined) throw new Error('healed, and no leader after 6 s');
  return leader;
}

function membersOfLeader(network: Network): NodeId[] {
  const { state } = leaderOf(network);
  return state === null ? [] : peersOf(latestConfiguration(state.persistent.log), '');
}

if (import.meta.main) {
  const seed = Number(process.argv[2] ?? 1);
  const counts = walk(seed, (line) => console.log(line));
  console.log(`seed ${seed} holds: ${JSON.stringify(counts)}`);
}
