/** One cluster of which some servers crash at once, stay down for a while, and come back. */
import type { Member } from '../../lab/sim/member.ts';
import { StudyCluster } from '../../lab/study/cluster.ts';
import { between, chance, fork } from '../../src/raft/random.ts';
import { isServed, type Request, Requests } from './requests.ts';
import {
  AWAIT_EVERY_MS,
  BIN_MS,
  type Cell,
  CLOCK_DRIFT_PPM,
  EARLY_MS,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  hasMajority,
  KINDS,
  type Kind,
  LINK,
  PATIENCE_MS,
  REQUEST_EVERY_MS,
  SETTLE_MS,
  WINDOW_MS,
  WRITE_EVERY_MS,
} from './setup.ts';

export type Sample = {
  /** Whether the leader was among those who failed. */
  readonly leaderFailed: boolean;
  /** Of each kind, how many requests were served in the window; `asked` is the same for all. */
  readonly served: Readonly<Record<Kind, number>>;
  readonly asked: number;
  /** Right after the crash: of each bin, whether the request made then was served. */
  readonly early: Readonly<Record<Kind, readonly boolean[]>>;
  /** From the crash until a write was acknowledged; null without a majority. */
  readonly recoveredMs: number | null;
  /** From the return until a write was acknowledged; null if a majority had been left. */
  readonly restoredMs: number | null;
  /** Of writes in the window, from call to acknowledgement. */
  readonly latenciesMs: readonly number[];
};

const US_PER_MS = 1000;
/** Far beyond any election. */
const LIMIT_MS = 30_000;
/** Writes go on for so long before the crash, so that followers hear from the leader as they do. */
const BEFORE_MS = 100;

export function trial(cell: Cell, seed: number): Sample {
  const run = new Run(cell, seed);
  run.start();
  const { early, leaderFailed, recoveredMs } = run.crash();
  const { asked, latenciesMs, served } = run.measure();
  const restoredMs = run.restart();
  run.judge();
  return { leaderFailed, served, asked, early, recoveredMs, restoredMs, latenciesMs };
}

class Run {
  readonly #cell: Cell;
  readonly #seed: number;
  readonly #cluster: StudyCluster;
  readonly #requests: Requests;
  #crashMs = 0;
  #victims: readonly Member[] = [];

  constructor(cell: Cell, seed: number) {
    const settings = {
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      heartbeatMs: HEARTBEAT_MS,
      clockDriftPpm: CLOCK_DRIFT_PPM,
    };
    this.#cell = cell;
    this.#seed = seed;
    this.#cluster = new StudyCluster({ seed, nodes: cell.nodes, settings, link: LINK });
    this.#requests = new Requests(this.#cluster);
  }

  /** Up to the moment of the crash: one leads, and writes are under way. */
  start(): void {
    const cluster = this.#cluster;
    cluster.begin();
    this.#await('a leader that all follow', () => cluster.isSettled());
    const drawnUs = between(fork(this.#seed, 'crash'), 0, HEARTBEAT_MS * US_PER_MS);
    this.#crashMs = cluster.nowMs + BEFORE_MS + drawnUs / US_PER_MS;
    const until = (): number => this.#crashMs;
    this.#requests.makeEvery('write', WRITE_EVERY_MS, cluster.nowMs, until, () => {});
    cluster.runUntil(this.#crashMs);
  }

  crash(): Pick<Sample, 'early' | 'leaderFailed' | 'recoveredMs'> {
    const cluster = this.#cluster;
    const { failed } = this.#cell;
    const leader = cluster.leader();
    if (leader === null) throw new Error('nobody leads at the moment of the crash');
    this.#victims = this.#draw(leader);
    for (const victim of this.#victims) cluster.crash(victim);
    const waits = failed > 0 && hasMajority(this.#cell);
    const made = this.#ask(waits);
    cluster.runUntil(this.#crashMs + EARLY_MS);
    if (waits) this.#await('a write', () => firstServedMs(made.write) !== null);
    const servedMs = firstServedMs(made.write);
    cluster.runUntil(this.#crashMs + SETTLE_MS);
    return {
      leaderFailed: this.#victims.includes(leader),
      early: earlyOf(made, this.#crashMs),
      recoveredMs: waits && servedMs !== null ? servedMs - this.#crashMs : null,
    };
  }

  /** Of all kinds at first; where a majority is left, writes until one is served. */
  #ask(waits: boolean): Record<Kind, Request[]> {
    const made = requestLists();
    const earlyMs = this.#crashMs + EARLY_MS;
    const write = made.write;
    const writeUntil = (): number =>
      waits && firstServedMs(write) === null ? Number.POSITIVE_INFINITY : earlyMs;
    KINDS.forEach((kind, i) => {
      const everyMs = kind === 'write' && waits ? AWAIT_EVERY_MS : BIN_MS;
      const fromMs = this.#crashMs + (kind === 'write' ? 0 : i);
      const until = kind === 'write' ? writeUntil : () => earlyMs;
      this.#requests.makeEvery(kind, everyMs, fromMs, until, (request) => made[kind].push(request));
    });
    return made;
  }

  /** What is served once the cluster has settled. */
  measure(): Pick<Sample, 'asked' | 'latenciesMs' | 'served'> {
    const cluster = this.#cluster;
    const fromMs = cluster.nowMs;
    const made = requestLists();
    KINDS.forEach((kind, i) => {
      // Apart, so that the messages of one kind of request do not cross those of another.
      const ownMs = fromMs + (i * REQUEST_EVERY_MS) / KINDS.length;
      const until = (): number => fromMs + WINDOW_MS;
      this.#requests.makeEvery(kind, REQUEST_EVERY_MS, ownMs, until, (request) => {
        made[kind].push(request);
      });
    });
    cluster.runUntil(fromMs + WINDOW_MS + PATIENCE_MS);
    const counted = KINDS.map((kind) => [kind, made[kind].filter(isServed).length] as const);
    const latenciesMs = made.write
      .filter(isServed)
      .map(({ calledMs, servedMs }) => (servedMs ?? calledMs) - calledMs);
    return {
      served: Object.fromEntries(counted) as Record<Kind, number>,
      asked: made.write.length,
      latenciesMs,
    };
  }

  /** All come back at once; how long until a write was served, where none had been. */
  restart(): number | null {
    const cluster = this.#cluster;
    const { nowMs } = cluster;
    for (const victim of this.#victims) cluster.start(victim);
    const writes: Request[] = [];
    const isServedAgain = (): boolean => firstServedMs(writes) !== null;
    const until = (): number => (isServedAgain() ? nowMs : Number.POSITIVE_INFINITY);
    this.#requests.makeEvery('write', AWAIT_EVERY_MS, nowMs, until, (each) => writes.push(each));
    this.#await('a write after the return', isServedAgain);
    return hasMajority(this.#cell) ? null : (firstServedMs(writes) ?? nowMs) - nowMs;
  }

  judge(): void {
    this.#await('replicas that agree', () => this.#cluster.isSettled());
    this.#cluster.judge();
    this.#requests.judge();
  }

  /** Of two trials one spares the leader, as far as the numbers allow either. */
  #draw(leader: Member): Member[] {
    const { failed, nodes } = this.#cell;
    const rng = fork(this.#seed, 'victims');
    const followers = [...this.#cluster.members.values()].filter((each) => each !== leader);
    const drawn = chance(rng, 0.5);
    const withLeader = failed > 0 && (drawn || failed === nodes);
    const victims = withLeader ? [leader] : [];
    while (victims.length < failed) {
      victims.push(...followers.splice(between(rng, 0, followers.length - 1), 1));
    }
    return victims;
  }

  #await(what: string, holds: () => boolean): void {
    const cluster = this.#cluster;
    if (cluster.runUntil(cluster.nowMs + LIMIT_MS, holds)) return;
    throw new Error(`no ${what} within ${LIMIT_MS} ms`);
  }
}

function requestLists(): Record<Kind, Request[]> {
  return { write: [], linearizable: [], lease: [], follower: [], log: [], stale: [] };
}

/** The earliest acknowledgement, of whichever request it is. */
function firstServedMs(requests: readonly Request[]): number | null {
  let first: number | null = null;
  for (const { servedMs } of requests) {
    if (servedMs !== null && (first === null || servedMs < first)) first = servedMs;
  }
  return first;
}

/** The first request of each bin stands for it. */
function earlyOf(
  made: Readonly<Record<Kind, readonly Request[]>>,
  crashMs: number,
): Record<Kind, boolean[]> {
  const early: Record<Kind, boolean[]> = {
    write: [],
    linearizable: [],
    lease: [],
    follower: [],
    log: [],
    stale: [],
  };
  for (const kind of KINDS) {
    for (const request of made[kind]) {
      const bin = Math.floor((request.calledMs - crashMs) / BIN_MS);
      if (bin < EARLY_MS / BIN_MS) early[kind][bin] ??= isServed(request);
    }
  }
  return early;
}
