/**
 * The clusters of the studies in virtual time: the simulator with all its checks, and somebody who
 * notes who was elected and when commits advanced.
 */
import type { Effect, Entry, Input, Message, RaftState, Settings } from '../../src/raft/types.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import type { FaultAction } from '../faults.ts';
import { type DiskSettings, nodeIds, SCHEDULE_VERSION, type Schedule } from '../schedule.ts';
import { fnv1a } from '../sim/checksum.ts';
import type { Member } from '../sim/member.ts';
import type { Link } from '../sim/network.ts';
import { checkOutcome } from '../sim/outcome.ts';
import { isCaughtUp, Simulation } from '../sim/simulation.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const US_PER_MS = 1000;
/** Long after anything that a study waits for. */
const DURATION_MS = 3_600_000;

/** The defaults of the lab; snapshots only where a study asks for them. */
const SETTINGS: Settings = {
  electionTimeoutMs: [150, 300],
  heartbeatMs: 50,
  preVote: true,
  checkQuorum: true,
  leaderStickiness: true,
  parallelDiskWrite: true,
  windowMessages: 64,
  batchEntries: 64,
  batchBytes: 64 * KIB,
  windowBytes: 16 * MIB,
  uncommittedBytes: 64 * MIB,
  snapshotEntries: Number.MAX_SAFE_INTEGER,
  snapshotBytes: Number.MAX_SAFE_INTEGER,
  keptEntries: 5000,
  keptBytes: 8 * MIB,
  chunkBytes: 64 * KIB,
  clockDriftPpm: null,
  catchUpTimeoutMs: 10_000,
  adaptiveTimeout: null,
};

/** Raft as it was published and measured: none of the refinements that came with chapter 9. */
export const PLAIN: Partial<Settings> = {
  preVote: false,
  checkQuorum: false,
  leaderStickiness: false,
};

export const NO_DISK_LATENCY: DiskSettings = { latencyMs: [0, 0], torn: 0, late: 0 };

export type ClusterPlan = {
  readonly seed: number;
  readonly nodes: number;
  readonly spares?: number;
  readonly settings?: Partial<Settings>;
  /** What single servers have in their place. */
  readonly settingsOf?: (id: string) => Partial<Settings>;
  /** Of the links between servers, in each direction. */
  readonly link?: Partial<LinkSettings>;
  /** Between clients and servers; they are close together unless said otherwise. */
  readonly clientLink?: Partial<LinkSettings>;
  readonly disk?: DiskSettings;
  /** By server; those that are not named have true clocks. */
  readonly driftPpm?: readonly number[];
  readonly clients?: number;
  readonly requestTimeoutMs?: number;
  readonly retryMs?: number;
  /** Most commands that share a log entry. */
  readonly batchCommands?: number;
  readonly faults?: readonly FaultAction[];
  /** With it, a trace is kept, from which a space-time picture is drawn. */
  readonly withTrace?: boolean;
};

/** Who won an election. */
export type Election = { readonly atMs: number; readonly node: string; readonly term: number };

/** What a server's disk holds before it starts for the first time. */
type Preset = { readonly term: number; readonly entries: readonly Entry[] };

export class StudyCluster extends Simulation {
  readonly elections: Election[] = [];
  /** When the cluster came to know that one more entry is committed, and its index. */
  readonly commits: { readonly atMs: number; readonly index: number }[] = [];

  constructor(plan: ClusterPlan) {
    super(scheduleOf(plan), fnv1a, plan.withTrace ?? false, plan.settingsOf);
  }

  get nowMs(): number {
    return this.events.nowUs / US_PER_MS;
  }

  member(id: string): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new RangeError(`there is no server ${id}`);
    return member;
  }

  /** The server that leads in the highest term, among those that run. */
  leader(): Member | null {
    let found: Member | null = null;
    for (const member of this.members.values()) {
      if (member.raft?.role.kind !== 'leader' || member.state !== 'running') continue;
      const term = member.raft.persistent.currentTerm;
      if (found === null || term > (found.raft?.persistent.currentTerm ?? 0)) found = member;
    }
    return found;
  }

  /** One leader that all servers that are up know and have followed to the end of its log. */
  isSettled(): boolean {
    const leader = this.leader();
    const state = leader?.raft ?? null;
    if (state === null) return false;
    for (const member of this.members.values()) {
      if (member === leader || member.state === 'down') continue;
      if (!isCaughtUp(member, state)) return false;
    }
    return true;
  }

  /** The highest term that any server is in. */
  highestTerm(): number {
    let term = 0;
    for (const { raft } of this.members.values()) {
      term = Math.max(term, raft?.persistent.currentTerm ?? 0);
    }
    return term;
  }

  /** Before it starts for the first time: what it had written in an earlier life. */
  preset(id: string, { entries, term }: Preset): void {
    const { disk } = this.member(id);
    const termAndVote = { currentTerm: term, votedFor: null };
    const change = { termAndVote, truncateFrom: null, entries, compactTo: null };
    disk.acknowledge(disk.write([change]));
  }

  /** Judges replicas, sessions and what the clients saw; throws where something is wrong. */
  judge(): void {
    checkOutcome(this);
  }

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    const before = this.committedIndex;
    super.stepped(member, input, effects, state);
    const { currentTerm: term } = state.persistent;
    const last = this.elections.at(-1)?.term ?? 0;
    if (state.role.kind === 'leader' && term > last) {
      this.elections.push({ atMs: this.nowMs, node: member.id, term });
    }
    if (this.committedIndex > before) {
      this.commits.push({ atMs: this.nowMs, index: this.committedIndex });
    }
  }
}

/** Treats kinds of messages apart: the settings of the link are what `of` leaves open. */
export class ProfiledCluster extends StudyCluster {
  readonly #of: (message: Message) => Partial<LinkSettings> | null;

  constructor(plan: ClusterPlan, of: (message: Message) => Partial<LinkSettings> | null) {
    super(plan);
    this.#of = of;
  }

  override linkSettings(message: Message, link: Link): LinkSettings {
    const own = this.#of(message);
    return own === null ? link.settings : { ...link.settings, ...own };
  }
}

function scheduleOf(plan: ClusterPlan): Schedule {
  const { clients = 0, disk = NO_DISK_LATENCY, driftPpm = [], nodes, spares = 0 } = plan;
  const { requestTimeoutMs = 1000, retryMs = 100 } = plan;
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: 'study',
    seed: plan.seed,
    nodes,
    spares,
    settings: { ...SETTINGS, ...plan.settings },
    batchCommands: plan.batchCommands ?? 512,
    link: { ...PERFECT, ...plan.link },
    clientLink: { ...PERFECT, ...plan.clientLink },
    disk,
    clocks: nodeIds(nodes + spares).map((_, i) => ({ offsetMs: 0, driftPpm: driftPpm[i] ?? 0 })),
    clients: { count: clients, requestTimeoutMs, retryMs, registered: false, sessionsMax: 10_000 },
    durationMs: DURATION_MS,
    faults: plan.faults ?? [],
    operations: [],
    recovery: { core: nodeIds(nodes), others: 'healed', boundMs: 10_000 },
  };
}
