/**
 * The rounds: every operation at every number of connections, on each system in turn, so that what
 * the machine does meanwhile is shared between them.
 */
import type { Histogram } from 'node:perf_hooks';
import { Piscina } from 'piscina';
import type { LoadResult, LoadTask } from './load-worker.ts';
import { processorSeconds } from './processor-time.ts';
import { OPERATIONS, type Operation, type SystemName } from './requests.ts';
import { leaderOf, type System } from './system.ts';

export type Plan = {
  readonly rounds: number;
  /** Measured, in each round, of every system, operation and number of connections. */
  readonly seconds: number;
  readonly connections: readonly number[];
  /** All of them are put before the first round. */
  readonly keys: number;
  readonly seed: number;
};

/** One system, operation and number of connections in one round. */
export type Sample = {
  readonly system: SystemName;
  readonly operation: Operation;
  readonly connections: number;
  readonly round: number;
  readonly requests: number;
  readonly perSecond: number;
  /** In nanoseconds. */
  readonly latencies: Histogram;
  /** Of one core, by the thread that makes the load. */
  readonly generatorCpuShare: number;
  /** By all processes of the system; `null` where it cannot be known. */
  readonly serverCpuUsPerRequest: number | null;
  /** Times it was begun again, because a request had not been done. */
  readonly repeats: number;
};

const WARM_UP_SHARE = 0.25;
const FILL_CONNECTIONS = 64;
const REPEATS_MAX = 3;

type Cell = Pick<Sample, 'operation' | 'connections' | 'round'>;

export async function measureAll(
  systems: readonly System[],
  plan: Plan,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<Sample[]> {
  const pool = new Piscina({
    filename: new URL('./load-worker.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: 1,
    atomics: 'disabled',
  });
  const run = (task: LoadTask): Promise<LoadResult> => pool.run(task, { signal });
  try {
    const samples: Sample[] = [];
    for (const system of systems) await fill(system, plan, run, signal, tell);
    for (const [i, cell] of cellsOf(plan).entries()) {
      // Whoever comes first is not always the same.
      for (const system of (i + cell.round) % 2 === 0 ? systems : systems.toReversed()) {
        const sample = await measure(system, cell, plan, run, signal);
        samples.push(sample);
        tell(sampleLine(sample, plan));
      }
    }
    return samples;
  } finally {
    await pool.destroy();
  }
}

function cellsOf({ rounds, connections }: Plan): Cell[] {
  return Array.from({ length: rounds }, (_, i) => i + 1).flatMap((round) =>
    connections.flatMap((count) =>
      OPERATIONS.map((operation) => ({ round, connections: count, operation })),
    ),
  );
}

type Run = (task: LoadTask) => Promise<LoadResult>;

async function fill(
  system: System,
  { keys, seed }: Plan,
  run: Run,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<void> {
  tell(`${system.name}: putting ${keys.toLocaleString('en')} keys`);
  const url = await leaderOf(system, signal);
  const task = { system: system.name, operation: 'put', url, keys, seed } as const;
  const { failure } = await run({ ...task, length: 'every key', connections: FILL_CONNECTIONS });
  if (failure !== null) throw new Error(`${system.name}: a put was not done: ${failure}`);
}

/** A leader may be lost under load: then it is all begun again, and that is told. */
async function measure(
  system: System,
  { operation, connections, round }: Cell,
  { seconds, keys, seed }: Plan,
  run: Run,
  signal: AbortSignal,
): Promise<Sample> {
  const measureMs = seconds * 1000;
  const length = { warmUpMs: measureMs * WARM_UP_SHARE, measureMs };
  let failure: string | null = null;
  for (let repeats = 0; repeats <= REPEATS_MAX; repeats++) {
    const url = await leaderOf(system, signal);
    const { name } = system;
    const before = processorSeconds(system.processIds);
    const task = { system: name, operation, url, connections, length, keys, seed: seed + round };
    const result = await run(task);
    const after = processorSeconds(system.processIds);
    failure = result.failure;
    if (failure !== null) continue;
    const { completed, latencies, cpuShare } = result;
    // The processes worked through the warm-up as well.
    const requests = completed * (1 + WARM_UP_SHARE);
    return {
      system: name,
      operation,
      connections,
      round,
      requests: completed,
      perSecond: completed / result.seconds,
      latencies,
      generatorCpuShare: cpuShare,
      serverCpuUsPerRequest:
        before === null || after === null ? null : ((after - before) / requests) * 1e6,
      repeats,
    };
  }
  const tries = `${REPEATS_MAX + 1} times in a row`;
  throw new Error(`${system.name}: a ${operation} was not done, ${tries}: ${failure}`);
}

function sampleLine(sample: Sample, { rounds }: Plan): string {
  const { system, operation, connections, round, perSecond, latencies } = sample;
  const p99Ms = latencies.percentile(99) / 1e6;
  return (
    `round ${round}/${rounds}  ${system} ${operation}, ${connections} at a time: ` +
    `${Math.round(perSecond).toLocaleString('en')} per second, p99 ${p99Ms.toFixed(2)} ms`
  );
}
