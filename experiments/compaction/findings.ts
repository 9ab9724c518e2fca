/** What the study says of compaction. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean } from '../../lab/report/stats.ts';
import { milliseconds, NOTHING, sharePercent } from '../../lab/report/table.ts';
import { figuresOf } from './figures.ts';
import {
  type Effect,
  effectOf,
  howOftenText,
  mostOf,
  type Result,
  rangeOf,
  stateText,
  withoutCompaction,
} from './numbers.ts';
import { FILL_MS, MEASURED_MS, OUTSTANDING, SERVERS, VALUE_BYTES } from './setup.ts';
import { showsOf } from './shows.ts';
import { snapshotTable, writesTable } from './tables.ts';

const SHOWS_NOT = [
  'Servers on machines of their own: all of them, the disks and the clients share the cores of ' +
    'one, so that what a snapshot takes is missing everywhere at once.',
  'Settings as they would be chosen: by default a snapshot is due after 100,000 entries or 64 ' +
    'MiB, so rarely that a second would not see one.',
  'A state that is much larger than memory, and disks that are slow at anything but appending.',
];

export function compactionFindings(results: readonly Result[]): Findings {
  return {
    verdict: verdictOf(results),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: [writesTable(results), snapshotTable(results)],
    shows: showsOf(results),
    showsNot: SHOWS_NOT,
  };
}

/** What compacting most often does, for each state, to the first storage that was tried. */
function verdictOf(results: readonly Result[]): string {
  const effects = mostOften(results);
  const [first] = effects;
  if (first === undefined) return 'Nothing was compared: that needs a log that is never compacted.';
  const told = effects.map(
    (effect) => `${lossText(effect)} with a state of ${stateText(effect.cell)}`,
  );
  return `To compact ${howOftenText(first.cell)} ${told.join(', and ')}${timeText(results)}.`;
}

/** How long a snapshot of the largest state takes, where any was whole. */
function timeText(results: readonly Result[]): string {
  const keys = Math.max(...results.map(({ cell }) => cell.keys));
  const samples = results.filter(({ cell }) => cell.keys === keys).flatMap((own) => own.samples);
  const { median } = mostOf(samples, ({ snapshotMs }) => snapshotMs);
  if (median === null) return '';
  return `; a snapshot of ${stateText({ keys })} takes ${milliseconds(median)} in the median`;
}

function mostOften(results: readonly Result[]): Effect[] {
  const storage = results[0]?.cell.storage;
  const effects = results
    .filter(({ cell }) => cell.storage === storage)
    .flatMap((result) => effectOf(results, result) ?? []);
  const fewest = Math.min(...effects.map(({ cell }) => cell.snapshotEntries));
  return effects.filter(({ cell }) => cell.snapshotEntries === fewest);
}

function lossText({ isTold, lostShare }: Effect): string {
  if (!isTold) return 'makes no difference to the throughput that could be told from chance';
  const share = sharePercent(Math.abs(lostShare));
  return lostShare > 0 ? `costs ${share} of the throughput` : `adds ${share} to the throughput`;
}

function headlineOf(results: readonly Result[]): string[] {
  return mostOften(results).flatMap(({ cell }) => {
    const own = results.find((result) => result.cell === cell);
    const without = withoutCompaction(results, cell);
    if (own === undefined || without === undefined) return [];
    const p99 = (result: Result): string =>
      milliseconds(rangeOf(result.samples, ({ latencyMsP99 }) => latencyMsP99).median);
    const longest = (result: Result): string =>
      milliseconds(rangeOf(result.samples, ({ latencyMsMax }) => latencyMsMax).greatest);
    return [
      `With a state of ${stateText(cell)} compacted ${howOftenText(cell)}, the p99 of the trial ` +
        `in the middle is **${p99(own)}** (never compacted: ${p99(without)}), and the longest ` +
        `write of all trials took **${longest(own)}** (${longest(without)}).`,
    ];
  });
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  const storages = [...new Set(results.map(({ cell }) => cell.storage))].join(', ');
  return [
    ['servers', `${SERVERS} threads of one process, and no faults`],
    ['storage', `${storages} (sqlite syncs every write)`],
    ['load', `writes only, ${OUTSTANDING} outstanding, of ${VALUE_BYTES} bytes, closed`],
    ['keys', 'drawn uniformly; a snapshot holds those that have been written so far'],
    ['batches', `up to 512 commands an entry: with this load, ${commandsText(results)}`],
    ['snapshots', 'taken by every server on its own, in slices of 64 KiB'],
    ['kept', 'as many entries as lie between two snapshots, at most 1,000'],
    ['before', `${FILL_MS} ms of the same load`],
    ['trials', `${[...trials].join(' and ')} of each cell, of ${MEASURED_MS} ms`],
    ['judged', 'every trial: replicas equal, and no acknowledged write lost or applied twice'],
  ];
}

/** How many commands an entry held in the mean of all trials. */
function commandsText(results: readonly Result[]): string {
  const samples = results.flatMap((result) => result.samples);
  const each = samples.flatMap(({ entriesPerSecond, opsPerSecond }) =>
    entriesPerSecond > 0 ? [opsPerSecond / entriesPerSecond] : [],
  );
  const commands = mean(each);
  return commands === null ? NOTHING : `about ${Math.round(commands)}`;
}
