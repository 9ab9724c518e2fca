/** The benchmark's results: the document, the tables, the report. */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quantile } from '../report/stats.ts';
import { type Column, shortMs, shortNumber, textTable } from '../report/table.ts';
import type { Surroundings } from '../sweep/manifest.ts';
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

export async function writeBench(directory: string, document: BenchDocument): Promise<void> {
  await replace(join(directory, 'results.json'), `${JSON.stringify(document, null, 1)}\n`);
  await replace(join(directory, 'report.md'), benchReport(document));
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

function benchReport(document: BenchDocument): string {
  const { machine, commit, nodeVersion, rounds, memory } = document;
  const rows = taskRows(document.tasks);
  const groups = [...new Set(rows.map(({ group }) => group))];
  return [
    '# What each part costs',
    [
      '3 nodes in worker threads with invariants on, and the clients in a thread of their own.',
      'Each put is an operation of its own (16 B key out of 100,000, 64 B value): encoded, sent',
      'through the link model, checksummed, replicated, applied on all nodes, answered one by one.',
      'Puts that arrive together share a log entry (§10.2.2), up to 512; the task "an entry per',
      'put" is the control without. Bare ports carry 64-byte messages between two threads of the',
      'same process.',
    ].join('\n'),
    headline(document)
      .map((line) => `- ${line.trim()}`)
      .join('\n'),
    '## Rounds',
    'Bare ports and the cluster are measured in turn, and each ratio is taken within its round.',
    markdownTable(
      ['round', 'port round trip p50', 'commit p50', 'ratio', 'port messages/s', 'puts/s', 'ratio'],
      rounds.map((round, i) => [
        String(i + 1),
        `${(round.portRoundTripMsP50 * 1000).toFixed(1)} µs`,
        `${(round.commitMsP50 * 1000).toFixed(1)} µs`,
        (round.commitMsP50 / round.portRoundTripMsP50).toFixed(2),
        shortNumber(round.portMessagesPerSecond),
        shortNumber(round.putsPerSecond),
        (round.putsPerSecond / round.portMessagesPerSecond).toFixed(2),
      ]),
    ),
    ...groups.flatMap((group) => [
      `## ${group[0]?.toUpperCase()}${group.slice(1)}`,
      markdownTable(
        ['task', 'per second', 'p50', 'p99', '± of the mean'],
        rows
          .filter((row) => row.group === group)
          .map(({ name, perSecond, p50Us, p99Us, rme }) => [
            name,
            shortNumber(perSecond),
            `${shortMs(p50Us)} µs`,
            `${shortMs(p99Us)} µs`,
            `${rme.toFixed(1)} %`,
          ]),
      ),
    ]),
    '## Memory of a retained log entry',
    'After a forced collection, in a cluster of one. Compaction, which bounds the log, is to come.',
    markdownTable(
      ['commands per entry', 'entries', 'heap', 'commands'],
      memory.map((weight) => [
        String(weight.commandsPerEntry),
        shortNumber(weight.entries),
        `${weight.heapBytesPerEntry} B`,
        `${weight.bufferBytesPerEntry} B`,
      ]),
    ),
    '## What this does not show',
    [
      '- All threads share the cores of one machine: more nodes are more work for the same cores.',
      '- Storage is memory that outlives a thread, not a disk: nothing waits for `fsync`.',
      '- Runs of the same code differ, up to twofold on a shared machine: quote ratios and ranges.',
      '- A round trip on bare ports takes as long as it takes to wake a thread: far longer where',
      '  the two threads sit on different cores than where they share one.',
    ].join('\n'),
    `Measured at commit ${commit ?? 'unknown'}, Node ${nodeVersion}, ${machine.cpu}, ` +
      `${machine.cores} cores, ${machine.memoryGiB} GiB. Regenerate with \`${document.command}\`.`,
  ]
    .join('\n\n')
    .concat('\n');
}

type TaskRow = {
  group: string;
  name: string;
  perSecond: number;
  p50Us: number;
  p99Us: number;
  rme: number;
};

/** A row per task, over its rounds the one in the middle. */
function taskRows(tasks: readonly TaskResult[]): TaskRow[] {
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

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = heads.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(heads), line(rule), ...rows.map(line)].join('\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return quantile(sorted, 0.5) ?? Number.NaN;
}

/** Whole or not at all: a report that is half written says nothing true. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
}
