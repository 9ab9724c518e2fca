/**
 * A leader is cut off and replaced, somebody writes to the new one, and the old one is still asked:
 * which of its answers are older than a write that was acknowledged before they were asked for?
 */

import type { HistoryOperation } from '../../lab/history.ts';
import { checkLinearizability } from '../../lab/linearizability.ts';
import type { Member } from '../../lab/sim/member.ts';
import { Asking } from '../../lab/study/asking.ts';
import { StudyCluster } from '../../lab/study/cluster.ts';
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import type { Effect, Input, RaftState } from '../../src/raft/types.ts';
import { type Cell, CLIENT_DELAY_MS, DISK, LINK, PPM_PER_PERCENT, SERVERS } from './situations.ts';

export type StaleSample = {
  /** Reads of the old side that were called after a write was acknowledged by the new leader … */
  readonly late: number;
  /** … and answered, … */
  readonly answered: number;
  /** … with a value older than what had been acknowledged before they were called. */
  readonly stale: number;
  /** From the new leader's first acknowledgement to the last stale answer. */
  readonly staleForMs: number;
};

const LIMIT_MS = 10_000;
/** Clocks have drifted for longer than an election timeout before the cut. */
const DRIFTING_MS = 400;
const HEARTBEAT_MS = 50;
/** Longer than the others need to elect a leader, and than leases last on the slowest clock. */
export const CUT_MS = 600;
/** How long the old leader stands still, and how long it goes on before the cut is healed. */
export const STANDING_MS = 500;
const RESUMED_MS = 250;
const HEALED_MS = 200;
export const READ_EVERY_MS = 5;
const WRITE_EVERY_MS = 5;

export function staleTrial(cell: Cell, seed: number): StaleSample {
  const cluster = new LeaseCluster({
    seed,
    nodes: SERVERS,
    link: LINK,
    disk: DISK,
    settings: { clockDriftPpm: cell.assumedPercent * PPM_PER_PERCENT },
  });
  const rng = fork(seed, 'moments');
  const { follower, leader } = begun(cluster);
  const run = new Run(cluster, leader);
  run.writeTo(leader);
  drift(cluster, leader, cell.driftPercent);
  cluster.runUntil(cluster.nowMs + DRIFTING_MS + drawMs(rng, HEARTBEAT_MS));
  const cutMs = cluster.nowMs;
  const standsStill = cell.situation === 'paused' || cell.situation === 'suspended';
  const forMs = standsStill ? STANDING_MS + RESUMED_MS : CUT_MS;
  const others = [...cluster.members.keys()].filter((id) => ![leader.id, follower.id].includes(id));
  cluster.inject({ kind: 'partition', groups: [[leader.id, follower.id], others] }, forMs);
  if (standsStill) {
    const kind = cell.situation === 'paused' ? 'pause' : 'suspend';
    cluster.inject({ kind, node: leader.id }, STANDING_MS);
  }
  run.readFrom(cell.mode === 'follower' ? follower : leader, cell.mode, cutMs + forMs);
  cluster.runUntil(cutMs + forMs + HEALED_MS);
  return run.sample();
}

/** What the simulator would stop at, an answer by a lease where another leads, is counted here. */
class LeaseCluster extends StudyCluster {
  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    const judged = effects.filter(({ kind }) => kind !== 'answer');
    super.stepped(member, input, judged, state);
  }

  override checkDuties(): void {}
}

/** A cluster whose servers have all heard of their leader; and one of its followers. */
function begun(cluster: LeaseCluster): { leader: Member; follower: Member } {
  cluster.begin();
  cluster.runUntil(LIMIT_MS, () => cluster.isSettled());
  const leader = cluster.leader();
  const follower = [...cluster.members.values()].find((member) => member !== leader);
  if (leader === null || follower === undefined) {
    throw new Error(`no leader that all follow within ${LIMIT_MS} ms`);
  }
  return { leader, follower };
}

function drift(cluster: LeaseCluster, leader: Member, percent: number): void {
  if (percent === 0) return;
  for (const member of cluster.members.values()) {
    const driftPpm = (member === leader ? -percent : percent) * PPM_PER_PERCENT;
    cluster.inject({ kind: 'clockDrift', node: member.id, driftPpm });
  }
}

function drawMs(rng: RandomState, limitMs: number): number {
  return between(rng, 0, limitMs * 1000) / 1000;
}

/** Somebody writes to whoever leads, and somebody else reads from where the old leader is. */
class Run {
  readonly #cluster: LeaseCluster;
  readonly #old: Member;
  readonly #asking: Asking;
  readonly #reads: HistoryOperation[] = [];
  #value = 0;
  /** The latest acknowledged value at the moment of each read's call. */
  readonly #acknowledgedAtCall: number[] = [];
  #acknowledged = 0;
  /** When the new leader acknowledged its first write. */
  #replacedMs: number | null = null;

  constructor(cluster: LeaseCluster, old: Member) {
    this.#cluster = cluster;
    this.#old = old;
    this.#asking = new Asking(cluster.events, CLIENT_DELAY_MS);
  }

  /** One write, and from when another leads, one after the other to that. */
  writeTo(leader: Member): void {
    this.#asking.write(leader, ++this.#value, ({ outcome }) => {
      if (outcome === 'ok') this.#acknowledged = 1;
    });
    this.#writeOn();
  }

  #writeOn(): void {
    const again = (): void =>
      this.#cluster.events.after(WRITE_EVERY_MS * 1000, () => this.#writeOn());
    const leader = this.#cluster.leader();
    if (leader === null || leader === this.#old) {
      // Looks often for the new leader: the first write is what makes the old one's answers stale.
      this.#cluster.events.after(1000, () => this.#writeOn());
      return;
    }
    const value = ++this.#value;
    this.#asking.write(leader, value, ({ outcome }) => {
      if (outcome === 'ok') {
        this.#acknowledged = value;
        this.#replacedMs ??= this.#cluster.nowMs;
      }
      again();
    });
  }

  /** A read every few milliseconds, of whom stands still none: it receives nothing. */
  readFrom(member: Member, mode: Cell['mode'], untilMs: number): void {
    const { events } = this.#cluster;
    const next = (): void => {
      if (this.#cluster.nowMs >= untilMs) return;
      if (member.state === 'running') {
        const called = this.#acknowledged;
        this.#acknowledgedAtCall.push(called);
        const at = this.#asking.history.length;
        this.#asking.read(member, mode, () => {});
        const read = this.#asking.history[at];
        if (read !== undefined) this.#reads.push(read);
      }
      events.after(READ_EVERY_MS * 1000, next);
    };
    next();
  }

  sample(): StaleSample {
    if (this.#replacedMs === null) throw new Error('nobody wrote to another leader');
    const late = this.#reads
      .map((read, i) => ({ read, known: this.#acknowledgedAtCall[i] ?? 0 }))
      .filter(({ known }) => known > 1);
    const answered = late.filter(({ read }) => read.outcome === 'ok');
    const stale = answered.filter(({ known, read }) => numberIn(read) < known);
    this.#confirm(stale.length);
    const lastMs = stale.reduce((last, { read }) => Math.max(last, (read.return ?? 0) / 1e6), 0);
    return {
      late: late.length,
      answered: answered.length,
      stale: stale.length,
      staleForMs: stale.length === 0 ? 0 : lastMs - this.#replacedMs,
    };
  }

  /** The checker, which knows nothing of leaders, must come to the same. */
  #confirm(stale: number): void {
    const { verdict } = checkLinearizability(this.#asking.history);
    const expected = stale === 0 ? 'ok' : 'illegal';
    if (verdict === expected) return;
    const counted = `${stale} stale reads were counted`;
    throw new Error(`${counted}, and the history as a whole is judged ${verdict}`);
  }
}

/** The number that an operation wrote or found; 0 before the first write. */
function numberIn({ op, result, value }: HistoryOperation): number {
  const found = op === 'put' ? value : result?.value;
  return typeof found === 'string' ? Number(found) : 0;
}
