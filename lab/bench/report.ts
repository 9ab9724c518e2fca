/** The benchmark's results: the document, the table for a terminal, the files. */
import { quantile } from '../report/stats.ts';
import { type Column, shortMs, shortNumber, textTable } from '../report/table.ts';
import { writeContent } from '../report/write-content.ts';
import type { Manifest } from '../results.ts';
import type { Surroundings } from '../sweep/manifest.ts';
import { contentOf } from './content.ts';
import type { EntryMemory } from './memory.ts';
import type { TaskResult } from './tasks.ts';

/** Bare ports and a cluster of 3, measured one after the other. */
export type Round = {
  readonly portRoundTripMsP50: number;
  readonly commitMsP50: number;
  readonly portMessagesPerSecond: number;
  readonly putsPerSecond: number;
};

/** The content of `results.json`. */
export type BenchDocument = Surroundings & {
  readonly schemaVersion: 1;
  /** Medians over the rounds of each round's own ratio: both sides in the same minute. */
  readonly ratios: {
    readonly commitP50OverPortRoundTrip: number;
    readonly putsPerSecondOverPortRate: number;
  };
  /** Median over the rounds. */
  readonly putsPerSecond: number;
  readonly rounds: readonly Round[];
  /** One per task and round, with tinybench's statistics in milliseconds and per second. */
  readonly tasks: readonly TaskResult[];
  readonly memory: readonly EntryMemory[];
  readonly command: string;
};

export function ratiosOf(
  rounds: readonly Round[],
): Pick<BenchDocument, 'ratios' | 'putsPerSecond'> {
  return {
    ratios: {
      commitP50OverPortRoundTrip: median(
        rounds.map((round) => round.commitMsP50 / round.portRoundTripMsP50),
      ),
      putsPerSecondOverPortRate: median(
        rounds.map((round) => round.putsPerSecond / round.portMessagesPerSecond),
      ),
    },
    putsPerSecond: Math.round(median(rounds.map((round) => round.putsPerSecond))),
  };
}

/** Resolves to the path of the page. */
export function writeBench(
  directory: string,
  document: BenchDocument,
  manifest: Manifest,
): Promise<string> {
  return writeContent(directory, {
    content: contentOf(document, manifest),
    document: `${JSON.stringify(document, null, 1)}\n`,
    manifest,
  });
}

/** What a person reads at the end of a run. */
export function benchTable(document: BenchDocument, columns: number): string {
  const rows = taskRows(document.tasks);
  const table: Column[] = [
    { head: 'task', left: true, cells: rows.map(({ name }) => name) },
    { head: 'per second', cells: rows.map(({ perSecond }) => shortNumber(perSecond)) },
    { head: 'p50 µs', cells: rows.map(({ p50Us }) => shortMs(p50Us)) },
    { head: 'p99 µs', cells: rows.map(({ p99Us }) => shortMs(p99Us)), drop: 1 },
    { head: '±', cells: rows.map(({ rme }) => `${rme.toFixed(1)} %`), drop: 2 },
  ];
  return [...textTable(table, columns), '', ...headline(document)].join('\n');
}

function headline({ ratios, putsPerSecond, rounds, memory }: BenchDocument): string[] {
  const range = (of: (round: Round) => number, digits: number): string => {
    const values = rounds.map(of);
    return `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
  };
  return [
    `puts per second, 3 nodes, 1,024 outstanding: ${putsPerSecond.toLocaleString('en')}`,
    `  over the bare ports' one-way rate: ${ratios.putsPerSecondOverPortRate.toFixed(2)}` +
      ` (rounds: ${range((r) => r.putsPerSecond / r.portMessagesPerSecond, 2)})`,
    `commit p50 over the bare ports' round trip: ${ratios.commitP50OverPortRoundTrip.toFixed(2)}` +
      ` (rounds: ${range((r) => r.commitMsP50 / r.portRoundTripMsP50, 2)})`,
    ...memory.map(
      ({ commandsPerEntry, heapBytesPerEntry, bufferBytesPerEntry }) =>
        `a retained entry of ${commandsPerEntry} put${commandsPerEntry === 1 ? '' : 's'}: ` +
        `${heapBytesPerEntry} B of heap, ${bufferBytesPerEntry} B of commands`,
    ),
  ];
}

export type TaskRow = {
  group: string;
  name: string;
  perSecond: number;
  p50Us: number;
  p99Us: number;
  rme: number;
};

/** A row per task, over its rounds the one in the middle. */
export function taskRows(tasks: readonly TaskResult[]): TaskRow[] {
  const names = [...new Set(tasks.map(({ name }) => name))];
  return names.map((name) => {
    const rounds = tasks
      .filter((task) => task.name === name)
      .sort((a, b) => a.latency.mean - b.latency.mean);
    const { group, perIteration, latency } = rounds[rounds.length >> 1] as TaskResult;
    return {
      group,
      name,
      perSecond: (perIteration * 1000) / latency.mean,
      p50Us: (latency.p50 * 1000) / perIteration,
      p99Us: (latency.p99 * 1000) / perIteration,
      rme: latency.rme,
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return quantile(sorted, 0.5) ?? Number.NaN;
}
