/** The content of `results.json`: what the rounds come to. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { quantile } from '../report/stats.ts';
import type { Disk } from './disk.ts';
import type { Plan, Sample } from './measure.ts';
import type { Operation, SystemName } from './requests.ts';

export type BenchRow = {
  readonly system: SystemName;
  readonly operation: Operation;
  readonly connections: number;
  /** Of all rounds together. */
  readonly perSecond: number;
  readonly perSecondByRound: readonly number[];
  /** Of the samples of all rounds in one histogram. */
  readonly latencyMsP50: number;
  readonly latencyMsP99: number;
  readonly latencyMsMax: number;
  readonly requests: number;
  readonly repeats: number;
  readonly generatorCpuShare: number;
  readonly serverCpuUsPerRequest: number | null;
};

/** The lab's number over etcd's; 2 is twice as much. */
export type Ratio = {
  readonly operation: Operation;
  readonly connections: number;
  /** Of each round, and then the one in the middle. */
  readonly perSecond: number;
  readonly perSecondLow: number;
  readonly perSecondHigh: number;
  readonly latencyP50: number;
  readonly latencyP99: number;
};

export type BenchHttpDocument = {
  readonly schemaVersion: 1;
  readonly plan: Plan;
  readonly versions: Readonly<Partial<Record<SystemName, string>>>;
  readonly disk: Disk;
  /** Processes that wanted a core, on average over the minute before. */
  readonly loadBefore: number;
  readonly rows: readonly BenchRow[];
  /** Empty if only one of the two was measured. */
  readonly ratios: readonly Ratio[];
};

const NS_PER_MS = 1e6;

export function rowsOf(samples: readonly Sample[]): BenchRow[] {
  const cells = Map.groupBy(samples, ({ system, operation, connections }) =>
    [system, operation, connections].join(' '),
  );
  return [...cells.values()].map(rowOf).sort(inOrder);
}

function rowOf(samples: readonly Sample[]): BenchRow {
  const { system, operation, connections } = samples[0] as Sample;
  const latencies = createHistogram();
  // One that came from another thread can be added as well; its type does not say so.
  for (const sample of samples) latencies.add(sample.latencies as RecordableHistogram);
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const serverCpuKnown = samples.every((sample) => sample.serverCpuUsPerRequest !== null);
  return {
    system,
    operation,
    connections,
    perSecond: Math.round(mean(({ perSecond }) => perSecond)),
    perSecondByRound: samples.map(({ perSecond }) => Math.round(perSecond)),
    latencyMsP50: rounded(latencies.percentile(50) / NS_PER_MS),
    latencyMsP99: rounded(latencies.percentile(99) / NS_PER_MS),
    latencyMsMax: rounded(latencies.max / NS_PER_MS),
    requests: samples.reduce((sum, { requests }) => sum + requests, 0),
    repeats: samples.reduce((sum, { repeats }) => sum + repeats, 0),
    generatorCpuShare: rounded(mean(({ generatorCpuShare }) => generatorCpuShare)),
    serverCpuUsPerRequest: serverCpuKnown
      ? rounded(mean(({ serverCpuUsPerRequest }) => serverCpuUsPerRequest as number))
      : null,
  };
}

function inOrder(a: BenchRow, b: BenchRow): number {
  return (
    b.operation.localeCompare(a.operation) ||
    a.connections - b.connections ||
    b.system.localeCompare(a.system)
  );
}

/** Where both were measured. Each round is compared with itself: it was the same minute. */
export function ratiosOf(rows: readonly BenchRow[]): Ratio[] {
  return rows.flatMap((lab) => {
    if (lab.system !== 'lab') return [];
    const { operation, connections } = lab;
    const etcd = rows.find(
      (row) =>
        row.system === 'etcd' && row.operation === operation && row.connections === connections,
    );
    if (etcd === undefined) return [];
    const byRound = lab.perSecondByRound
      .map((perSecond, i) => perSecond / (etcd.perSecondByRound[i] as number))
      .sort((a, b) => a - b);
    return {
      operation,
      connections,
      perSecond: rounded(quantile(byRound, 0.5) as number),
      perSecondLow: rounded(byRound[0] as number),
      perSecondHigh: rounded(byRound.at(-1) as number),
      latencyP50: rounded(lab.latencyMsP50 / etcd.latencyMsP50),
      latencyP99: rounded(lab.latencyMsP99 / etcd.latencyMsP99),
    };
  });
}

/** A line for each row, so that a change of one is a change of one line. */
export function documentText({ rows, ratios, ...rest }: BenchHttpDocument): string {
  const lines = (items: readonly object[]): string =>
    items.map((item) => `\n    ${JSON.stringify(item)}`).join(',');
  const head = Object.entries(rest).map(([name, value]) => `  "${name}": ${JSON.stringify(value)}`);
  const body = [...head, `  "rows": [${lines(rows)}\n  ]`, `  "ratios": [${lines(ratios)}\n  ]`];
  return `{\n${body.join(',\n')}\n}\n`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
