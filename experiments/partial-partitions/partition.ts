/**
 * A cluster that is led by the server that the topology asks for, and then partitioned: what a
 * trial measures and a picture draws.
 */
import { NO_DISK_LATENCY, StudyCluster } from '../../lab/study/cluster.ts';
import { Load } from '../../lab/study/load.ts';
import { lastIndex } from '../../src/raft/log.ts';
import { between, fork } from '../../src/raft/random.ts';
import {
  faultsOf,
  linksOf,
  type Topology,
  type TopologyLink,
  type TopologyName,
  topologyOf,
} from './topologies.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export type Cell = {
  readonly topology: TopologyName;
  readonly load: 'idle' | 'loaded';
  readonly variant: VariantName;
  readonly partitionS: number;
};

/** Between servers, one way: a network of one site. */
export const LINK = { delayMs: 1, jitterMs: 0.25 } as const;
export const CLIENT_LINK = { delayMs: 0.5 } as const;
export const CLIENTS = 5;
export const WRITES_PER_SECOND = 100;
export const HEARTBEAT_MS = 50;
/** Clients turn to the next server after this long without an answer, and then less often. */
export const RETRY_MS = 20;
export const REQUEST_TIMEOUT_MS = 500;

/** Within this a whole cluster of any variant has a leader, and hands it over. */
const SETTLED_MS = 20_000;
const WARM_UP_MS = 200;
/** Shorter than any election timeout by more than a heartbeat: nobody campaigns meanwhile. */
const BEHIND_MS = 60;

export class Partition {
  readonly cluster: StudyCluster;
  readonly load: Load;
  readonly topology: Topology;
  readonly links: readonly TopologyLink[];
  /** When the partition begins and ends. */
  onsetMs = 0;
  endMs = 0;
  readonly #cell: Cell;
  readonly #seed: number;

  constructor(cell: Cell, seed: number, withTrace = false) {
    this.#cell = cell;
    this.#seed = seed;
    this.topology = topologyOf(cell.topology);
    this.links = linksOf(this.topology);
    this.cluster = new StudyCluster({
      seed,
      nodes: this.topology.servers,
      settings: { ...VARIANTS[cell.variant], heartbeatMs: HEARTBEAT_MS },
      link: LINK,
      clientLink: CLIENT_LINK,
      disk: NO_DISK_LATENCY,
      clients: CLIENTS,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      retryMs: RETRY_MS,
      withTrace,
    });
    this.load = new Load(this.cluster, { seed });
  }

  /** Runs until the partition is in force. */
  begin(): void {
    const { cluster, topology } = this;
    cluster.begin();
    this.#settle('a leader', () => cluster.isSettled());
    if (cluster.leader()?.id !== topology.leader) {
      cluster.inject({ kind: 'transfer', to: topology.leader });
    }
    const leads = (): boolean => cluster.leader()?.id === topology.leader && cluster.isSettled();
    this.#settle(`${topology.leader} to lead`, leads);
    if (this.#cell.load === 'loaded') this.keepWriting();
    // Anywhere between two heartbeats.
    const phaseMs = between(fork(this.#seed, 'onset'), 0, HEARTBEAT_MS * 1000) / 1000;
    cluster.runUntil(cluster.nowMs + WARM_UP_MS + phaseMs);
    if (topology.behind !== undefined) this.#leaveBehind(topology.behind);
    if (cluster.leader()?.id !== topology.leader) {
      throw new Error(`${topology.leader} was to lead when the partition begins, and does not`);
    }
    this.onsetMs = cluster.nowMs;
    this.endMs = this.onsetMs + this.#cell.partitionS * 1000;
    for (const fault of faultsOf(topology)) cluster.inject(fault, this.#cell.partitionS * 1000);
  }

  /** Writes come at their rate from now on. */
  keepWriting(): void {
    this.load.arrive(WRITES_PER_SECOND, Number.MAX_SAFE_INTEGER);
  }

  /** The leader commits an entry that does not reach the server. */
  #leaveBehind(id: string): void {
    const { cluster, topology } = this;
    cluster.inject({ kind: 'cut', links: [[topology.leader, id]] }, BEHIND_MS);
    const operation = { atMs: cluster.nowMs, client: 0, op: 'put', key: 'behind' } as const;
    cluster.clients.call({ ...operation, value: id });
    cluster.runUntil(cluster.nowMs + BEHIND_MS);
    const raft = cluster.member(id).raft;
    if (raft !== null && lastIndex(raft.persistent.log) < cluster.committedIndex) return;
    throw new Error(`${id} was to lack an entry that is committed, and does not`);
  }

  #settle(what: string, isOver: () => boolean): void {
    const { cluster } = this;
    if (cluster.runUntil(cluster.nowMs + SETTLED_MS, isOver)) return;
    throw new Error(`a whole cluster takes longer than ${SETTLED_MS} ms for ${what}`);
  }
}
