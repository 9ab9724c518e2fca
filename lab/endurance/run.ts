/**
 * The run itself: three nodes and a spare, every key put once, then full load. Memory is weighed
 * after a third and at the end, log lengths are looked at all the time, and while the load goes on
 * the spare joins.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { nowUs } from '../../src/clock.ts';
import type { Settings } from '../../src/raft/types.ts';
import { PERFECT } from '../../src/transport/link.ts';
import type { Verdict } from '../audit.ts';
import { withDefaults } from '../sweep/factors.ts';
import { ThreadCluster } from '../threads/cluster.ts';
import type { Status } from '../threads/node-orders.ts';
import { Reports, START_LIMIT_MS } from '../threads/reports.ts';
import { auditAtRest, REST_LIMIT_MS } from '../threads/rest.ts';
import { settingsOf } from '../threads/run.ts';
import type { Plan } from './arguments.ts';
import {
  type EnduranceOrder,
  type EnduranceReport,
  type EnduranceTask,
  keyOf,
} from './load-worker.ts';
import { servesWithin } from './probe.ts';
import type { Span, Split } from './windows.ts';

const NODES = 3;
const SPARE = 'n4';
const LOAD_WORKER = new URL('./load-worker.ts', import.meta.url);
const LOOK_EVERY_MS = 250;
/** A key a microsecond would be fast; this is for machines that are slow and busy. */
const FILL_LIMIT_MS = 600_000;
const SNAPSHOT_LIMIT_MS = 60_000;
/** What a collection has held up is through by then. */
const RECOVERED_AFTER_US = 1_000_000;
/** Given up by then; the bound is half of it. */
const JOIN_LIMIT_MS = 60_000;
const MIB = 2 ** 20;

export type NodeMemory = {
  readonly node: string;
  /** Heap and buffers, after a snapshot and a forced collection. */
  readonly bytes: number;
};

export type Measured = {
  readonly settings: Settings;
  readonly atThird: readonly NodeMemory[];
  readonly atEnd: readonly NodeMemory[];
  /** The most that any node's log has held at any look. */
  readonly logEntriesMax: number;
  readonly logBytesMax: number;
  readonly snapshots: number;
  /** The longest that one took. */
  readonly snapshotMsMax: number;
  readonly latencies: Split;
  readonly putsPerSecond: number;
  readonly failed: number;
  /** From the request to join until it answered a read of its own; `null`: it did not. */
  readonly joinedAfterMs: number | null;
  readonly verdict: Verdict;
};

/** Rejects if it was aborted, or if the cluster itself failed. */
export async function runEndurance(
  plan: Plan,
  signal: AbortSignal,
  tell: (what: string) => void,
): Promise<Measured> {
  const settings = settingsFor(plan);
  const { batch } = withDefaults({});
  const options = { nodes: NODES, spares: 1, settings, batchCommands: batch, link: PERFECT };
  const cluster = new ThreadCluster({ ...options, seed: plan.seed });
  try {
    cluster.start();
    return await new Endurance(cluster, plan, signal, tell).run();
  } finally {
    await cluster.stop();
  }
}

/** A collection of all that is there may take as long as an election timeout usually is. */
function settingsFor({ snapshotMib }: Plan): Settings {
  const timeouts = { electionTimeoutMs: '1000-2000', heartbeatMs: 100 };
  const snapshotBytes = Math.round(snapshotMib * MIB);
  const { keptBytes } = withDefaults({});
  // What is kept behind a snapshot is little beside what comes between two of them.
  const kept = { keptBytes: Math.min(keptBytes, Math.round(snapshotBytes / 8)) };
  const factors = withDefaults({ ...timeouts, ...kept, snapshotBytes, catchUpTimeoutMs: 30_000 });
  return settingsOf(factors);
}

class Endurance {
  readonly #cluster: ThreadCluster;
  readonly #plan: Plan;
  readonly #signal: AbortSignal;
  readonly #tell: (what: string) => void;
  readonly #reports = new Reports<EnduranceReport>();
  /** Times when the threads stood still for being weighed. */
  readonly #excluded: Span[] = [];
  #logEntriesMax = 0;
  #logBytesMax = 0;

  constructor(
    cluster: ThreadCluster,
    plan: Plan,
    signal: AbortSignal,
    tell: (what: string) => void,
  ) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#signal = signal;
    this.#tell = tell;
  }

  async run(): Promise<Measured> {
    const { keys, seconds, seed } = this.#plan;
    const task: EnduranceTask = { keys, seed };
    const hear = (report: EnduranceReport): void => this.#reports.add(report);
    this.#cluster.startClients<EnduranceReport>(LOAD_WORKER, task, hear);
    this.#tell(`${keys} keys are put`);
    this.#order({ kind: 'fill' });
    await this.#wait('filled', FILL_LIMIT_MS);
    this.#tell(`load for ${seconds} s`);
    const startUs = nowUs();
    this.#order({ kind: 'load' });
    const thirdMs = (seconds * 1000) / 3;
    await this.#watch(thirdMs);
    const atThird = await this.#weigh();
    await this.#watch(2 * thirdMs);
    const atEnd = await this.#weigh();
    const span = { fromUs: startUs, toUs: nowUs() };
    const measured = await this.#measure(span);
    this.#tell(`${SPARE} joins`);
    const joinedAfterMs = await this.#join();
    this.#order({ kind: 'end' });
    const { told, failed } = await this.#wait('drained', START_LIMIT_MS + REST_LIMIT_MS);
    this.#tell('audit');
    const verdict = await auditAtRest(this.#cluster, told, this.#signal);
    const memory = { atThird, atEnd };
    return { ...measured, ...memory, failed, joinedAfterMs, verdict };
  }

  /** Looks at the logs all the while. */
  async #watch(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) {
      this.#cluster.throwIfFailed();
      this.#look(await this.#cluster.status({ logBytes: true }));
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#signal });
    }
  }

  #look(statuses: readonly Status[]): void {
    for (const { baseIndex, lastIndex, logBytes } of statuses) {
      this.#logEntriesMax = Math.max(this.#logEntriesMax, lastIndex - baseIndex);
      this.#logBytesMax = Math.max(this.#logBytesMax, logBytes ?? 0);
    }
  }

  /**
   * A log grows between two snapshots and shrinks with each: weighed at the same point, what is
   * left of a difference is growth that no snapshot ends.
   */
  async #weigh(): Promise<NodeMemory[]> {
    const voters = this.#cluster.membership.configuration.voters;
    const { operator } = this.#cluster;
    await Promise.all(voters.map((id) => operator.snapshot(id, SNAPSHOT_LIMIT_MS)));
    const fromUs = nowUs();
    const statuses = await this.#cluster.status({ collect: true });
    this.#excluded.push({ fromUs, toUs: nowUs() + RECOVERED_AFTER_US });
    return statuses
      .filter(({ id }) => voters.includes(id))
      .map(({ id, heapBytes, bufferBytes }) => ({ node: id, bytes: heapBytes + bufferBytes }));
  }

  async #measure({ fromUs, toUs }: Span) {
    const snapshots = this.#cluster.snapshots.flatMap((each): Span[] => {
      const span = { fromUs: each.fromUs, toUs: each.toUs ?? toUs };
      return span.toUs > fromUs && span.fromUs < toUs ? [span] : [];
    });
    // What ended later, while the spare joined, belongs to neither side.
    const excluded = [...this.#excluded, { fromUs: toUs, toUs: Number.POSITIVE_INFINITY }];
    this.#order({ kind: 'split', snapshots, excluded });
    const { split } = await this.#wait('split', START_LIMIT_MS);
    const requests = (split.during?.requests ?? 0) + (split.without?.requests ?? 0);
    const excludedUs = this.#excluded.reduce((sum, span) => sum + span.toUs - span.fromUs, 0);
    const longest = snapshots.map((span) => (span.toUs - span.fromUs) / 1000);
    return {
      settings: this.#cluster.options.settings,
      logEntriesMax: this.#logEntriesMax,
      logBytesMax: this.#logBytesMax,
      snapshots: snapshots.length,
      snapshotMsMax: Math.max(0, ...longest),
      latencies: split,
      putsPerSecond: Math.round((requests * 1e6) / Math.max(1, toUs - fromUs - excludedUs)),
    };
  }

  async #join(): Promise<number | null> {
    const startMs = performance.now();
    const port = this.#cluster.connectClient(SPARE);
    const [serves] = await Promise.all([
      servesWithin(port, keyOf(0), JOIN_LIMIT_MS, this.#signal),
      this.#cluster.operator.join(SPARE, JOIN_LIMIT_MS),
    ]);
    return serves ? performance.now() - startMs : null;
  }

  #order(order: EnduranceOrder): void {
    this.#cluster.orderClients(order);
  }

  #wait<Kind extends EnduranceReport['kind']>(kind: Kind, limitMs: number) {
    return this.#reports.wait(kind, limitMs, this.#cluster, this.#signal);
  }
}
