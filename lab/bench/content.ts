/** What the benchmark's report says. */
import { barPlot, type Group } from '../bench-http/bars.ts';
import type { Content, Figure, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { shortMs, shortNumber } from '../report/table.ts';
import { measuredOn } from '../report/write-content.ts';
import type { Manifest } from '../results.ts';
import { type BenchDocument, type Round, type TaskRow, taskRows } from './report.ts';

const QUESTION =
  'What does each part cost, and what do a cluster’s threads reach beside bare ports?';

const SETUP: Pairs = [
  ['cluster', '3 nodes in worker threads, invariants on; the clients in a thread of their own'],
  ['put', 'an operation of its own: 16 B key out of 100,000, 64 B value'],
  ['its way', 'encoded, sent, checksummed, replicated, applied on all nodes, answered one by one'],
  ['entries', 'puts that arrive together share one (§10.2.2), up to 512'],
  ['control', 'the task “an entry per put”, without that'],
  ['bare ports', '64-byte messages between two threads of the same process'],
];

const SHOWS = [
  'How much is left to gain: a put goes from the client to the leader, on to a follower, back, ' +
    'and back to the client. That is two round trips, the least that a commit can take.',
];

const SHOWS_NOT = [
  'Machines of their own: all threads share the cores of one, and more nodes are more work there.',
  'Disks: storage is memory that outlives a thread, and nothing waits for fsync.',
  'A number to rely on: runs of the same code differ, up to twofold on a shared machine. Quote ' +
    'ratios and ranges.',
  'One round trip for all machines: on bare ports it takes as long as it takes to wake a thread, ' +
    'far longer where the two threads sit on different cores than where they share one.',
];

export function contentOf(document: BenchDocument, manifest: Manifest): Content {
  const rows = taskRows(document.tasks);
  const groups = [...new Set(rows.map(({ group }) => group))];
  return {
    name: 'bench',
    question: QUESTION,
    verdict: verdictOf(document),
    complaints: [],
    headline: headlineOf(document),
    setup: SETUP,
    figures: [speedFigure(rows)],
    tables: [
      roundTable(document.rounds),
      ...groups.map((group) => taskTable(group, rows)),
      memoryTable(document),
    ],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
    provenance: measuredOn(manifest),
    command: manifest.command,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

function verdictOf({ putsPerSecond, ratios }: BenchDocument): string {
  return (
    `Three nodes commit ${putsPerSecond.toLocaleString('en')} puts a second, ` +
    `${ratios.putsPerSecondOverPortRate.toFixed(2)} of what a bare port carries one way, and a ` +
    `single put takes ${ratios.commitP50OverPortRoundTrip.toFixed(2)} round trips of a bare port.`
  );
}

function headlineOf({ memory, rounds }: BenchDocument): string[] {
  const range = (of: (round: Round) => number): string => {
    const values = rounds.map(of);
    return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
  };
  const weights = memory.map(
    ({ bufferBytesPerEntry, commandsPerEntry, heapBytesPerEntry }) =>
      `of ${putsText(commandsPerEntry)} **${heapBytesPerEntry} B** of heap beside ` +
      `${bufferBytesPerEntry.toLocaleString('en')} B of commands`,
  );
  return [
    `From round to round the first ratio was **${range(putsOverPort)}** and the second ` +
      `**${range(commitOverPort)}**.`,
    `A retained entry takes, ${weights.join(', ')}.`,
  ];
}

function putsText(count: number): string {
  return count === 1 ? '1 put' : `${count} puts`;
}

function putsOverPort({ portMessagesPerSecond, putsPerSecond }: Round): number {
  return putsPerSecond / portMessagesPerSecond;
}

function commitOverPort({ commitMsP50, portRoundTripMsP50 }: Round): number {
  return commitMsP50 / portRoundTripMsP50;
}

// ---- The figure ---------------------------------------------------------------------------------

function speedFigure(rows: readonly TaskRow[]): Figure {
  const title = 'Puts per second, and the latency of one';
  const tasks = (part: string): Group[] =>
    rows
      .filter(({ name }) => name.startsWith('bare port') || /^\d nodes?:/.test(name))
      .filter(({ name }) => name.includes(part))
      .map((row) => ({ label: row.name.split(/[:,]/)[0] ?? '', bars: [barOf(row, part)] }))
      .toSorted((a, b) => (a.label < b.label ? -1 : 1));
  const panels = [
    { title: 'puts, or messages, per second', groups: [...tasks('puts'), ...tasks('one way')] },
    {
      title: 'commit, or round trip, in µs',
      groups: [...tasks('commit latency'), ...tasks('round trip')],
    },
  ];
  return {
    title,
    file: 'speed.svg',
    svg: barPlot(panels, { title, x: '' }),
    caption:
      'Clusters of threads beside a bare port between two threads: on the left rates, on the ' +
      'right medians, with a thin line that goes on to p99.',
  };
}

function barOf(row: TaskRow, part: string): Group['bars'][number] {
  const isRate = part === 'puts' || part === 'one way';
  return {
    label: 'the round in the middle',
    color: PALETTE[0],
    value: isRate ? row.perSecond : row.p50Us,
    span: isRate ? null : [row.p50Us, row.p99Us],
    text: isRate ? shortNumber(row.perSecond) : shortMs(row.p50Us),
  };
}

// ---- Tables -------------------------------------------------------------------------------------

function roundTable(rounds: readonly Round[]): Table {
  return {
    title: 'Rounds',
    heads: [
      'round',
      'port round trip p50',
      'commit p50',
      'ratio',
      'port messages/s',
      'puts/s',
      'ratio',
    ],
    words: 0,
    rows: rounds.map((round, i) => [
      String(i + 1),
      `${(round.portRoundTripMsP50 * 1000).toFixed(1)} µs`,
      `${(round.commitMsP50 * 1000).toFixed(1)} µs`,
      commitOverPort(round).toFixed(2),
      shortNumber(round.portMessagesPerSecond),
      shortNumber(round.putsPerSecond),
      putsOverPort(round).toFixed(2),
    ]),
    note:
      'Bare ports and the cluster are measured in turn, and each ratio is taken within its ' +
      'round; the sentences above have the medians over the rounds.',
  };
}

function taskTable(group: string, rows: readonly TaskRow[]): Table {
  return {
    title: `${group[0]?.toUpperCase()}${group.slice(1)}`,
    heads: ['task', 'per second', 'p50', 'p99', '± of the mean'],
    words: 1,
    rows: rows
      .filter((row) => row.group === group)
      .map(({ name, p50Us, p99Us, perSecond, rme }) => [
        name,
        shortNumber(perSecond),
        `${shortMs(p50Us)} µs`,
        `${shortMs(p99Us)} µs`,
        `${rme.toFixed(1)} %`,
      ]),
    note: 'The round in the middle; times and rates are of one operation or message of a task.',
  };
}

function memoryTable({ memory }: BenchDocument): Table {
  return {
    title: 'Memory of a retained log entry',
    heads: ['commands per entry', 'entries', 'heap', 'commands'],
    words: 0,
    rows: memory.map((weight) => [
      String(weight.commandsPerEntry),
      shortNumber(weight.entries),
      `${weight.heapBytesPerEntry} B`,
      `${weight.bufferBytesPerEntry} B`,
    ]),
    note: 'After a forced collection, in a cluster of one whose log is not compacted.',
  };
}
