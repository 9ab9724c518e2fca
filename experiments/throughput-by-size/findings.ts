/** What the study says: the shape of the curves beside the published one. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds, shortNumber } from '../../lab/report/table.ts';
import { figuresOf } from './figures.ts';
import {
  type Compared,
  comparisons,
  MEASURES,
  type Measure,
  measuredOf,
  type Ratio,
  type Result,
  ratiosOf,
  STORAGE_NAMES,
  type Step,
  stepsOf,
  TOLERANCE_FACTOR,
} from './numbers.ts';
import { REFERENCE_SIZE, SOURCE } from './published.ts';
import { percentileTable, ratioTable, stepTable, valueTable } from './tables.ts';
import { MEASURED_S, VALUE_BYTES } from './trial.ts';

/** Each with what must have been measured for it to be said. */
const SHOWS: readonly { readonly text: string; holds(results: readonly Result[]): boolean }[] = [
  {
    text:
      'A cluster of one waits for its own disk alone. From two servers on, a write also takes ' +
      'the way to a follower, its disk, and the way back.',
    holds: (results) => isBelowOne(syncedRatio(results, 'latency', 1)),
  },
  {
    text:
      'Every further follower is one more to whom the leader sends each entry, and here one more ' +
      'that needs the same processor.',
    holds: (results) => {
      const largest = Math.max(...results.map(({ cell }) => cell.nodes));
      return largest > REFERENCE_SIZE && isBelowOne(syncedRatio(results, 'throughput', largest));
    },
  },
];

const SHOWS_NOT = [
  'Absolute values that could be compared: the publication had a machine for each server, a real ' +
    'network between them, and another program; the ratios are all that is judged.',
  'Sizes beyond the cores of the machine as they would be: threads of one machine share its ' +
    'cores, its memory and its disk, so that throughput falls with the size, and latency grows, ' +
    'more than on machines of their own.',
  'Reads, and writes of other sizes.',
];

const MEMORY_SHOWS_NOT =
  'What of the memory’s values is the machine’s: nothing waits there, so that whoever else uses ' +
  'the cores shows in them first. The publication has no such values.';

export function throughputBySizeFindings(results: readonly Result[]): Findings {
  const compared = comparisons(results);
  return {
    verdict: verdictOf(results, compared),
    holds: compared.every(({ isWithin }) => isWithin),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: [
      ratioTable(results),
      ...stepTable(results),
      valueTable(results),
      percentileTable(results),
    ],
    shows: SHOWS.filter(({ holds }) => holds(results)).map(({ text }) => text),
    showsNot: results.some(({ cell }) => cell.storage === 'memory')
      ? [...SHOWS_NOT, MEMORY_SHOWS_NOT]
      : SHOWS_NOT,
  };
}

function syncedRatio(
  results: readonly Result[],
  measure: Measure,
  nodes: number,
): Ratio | undefined {
  return MEASURES.filter(({ name }) => name === measure)
    .flatMap((each) => ratiosOf(results, 'sqlite', each))
    .find((ratio) => ratio.nodes === nodes);
}

/** Beyond chance, where there are trials enough to tell. */
function isBelowOne(ratio: Ratio | undefined): boolean {
  return ratio !== undefined && (ratio.high ?? ratio.value) < 1;
}

function verdictOf(results: readonly Result[], compared: readonly Compared[]): string {
  const largest = results.flatMap(({ cell }) => cell.storage).slice(0, 1);
  const falls = largest.flatMap((storage) => {
    const ratios = MEASURES.map((measure) => ratiosOf(results, storage, measure).at(-1));
    const [throughput, latency] = ratios;
    if (throughput === undefined || latency === undefined) return [];
    if (throughput.nodes === REFERENCE_SIZE) return [];
    return [
      `with ${throughput.nodes} servers ${STORAGE_NAMES[storage]}, the throughput is ` +
        `${throughput.value.toFixed(2)} and the latency ${latency.value.toFixed(2)} times that ` +
        `of ${REFERENCE_SIZE}`,
    ];
  });
  const text = [...falls, comparedText(compared), ...stepsText(results)].join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function comparedText(compared: readonly Compared[]): string {
  if (compared.length === 0) return 'no ratio was measured that is published';
  const within = compared.filter(({ isWithin }) => isWithin).length;
  const unclear = compared.filter(({ isUnclear }) => isUnclear).length;
  const across = unclear === 1 ? 'one interval' : `${unclear} intervals`;
  return (
    `${within} of ${compared.length} ratios ${within === 1 ? 'lies' : 'lie'} within a factor of ` +
    `${TOLERANCE_FACTOR} of the published` +
    (unclear === 0 ? '' : `, with ${across} across that bound`)
  );
}

/** Empty where no step has an interval. */
function stepsText(results: readonly Result[]): string[] {
  const judged = stepsOf(results).filter(({ direction }) => direction !== null);
  if (judged.length === 0) return [];
  const of = (wanted: Step['direction']): number =>
    judged.filter(({ direction }) => direction === wanted).length;
  const steps = judged.length === 1 ? 'the one step' : `the ${judged.length} steps`;
  return [
    `of ${steps} in size the throughput falls with ${of('falls') || 'none'} beyond chance, and ` +
      `rises with ${of('rises') || 'none'}`,
  ];
}

function headlineOf(results: readonly Result[]): string[] {
  const storages = [...new Set(results.map(({ cell }) => cell.storage))];
  return storages.flatMap((storage) => {
    const at = (clients: number): Result | undefined =>
      results.find(({ cell }) => {
        const { nodes } = cell;
        return cell.storage === storage && nodes === REFERENCE_SIZE && cell.clients === clients;
      });
    const [many, one] = MEASURES.map(({ clients }) => at(clients));
    if (many === undefined || one === undefined) return [];
    return [
      `${REFERENCE_SIZE} servers ${STORAGE_NAMES[storage]}: ` +
        `**${shortNumber(measuredOf(many, 'throughput').mean)} writes a second** with ` +
        `${many.cell.clients} clients, and **${milliseconds(measuredOf(one, 'latency').mean)}** ` +
        'for a write with one.',
    ];
  });
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ['servers', 'threads of one process, connected by perfect links'],
    ['storage', 'sqlite, which syncs every write, as a service must; and memory, for comparison'],
    ['load', `writes only, of ${VALUE_BYTES} bytes; each client has one outstanding`],
    ['clients', 'in one thread, in sessions of their own'],
    ['latency', 'the mean, as published: clients over writes a second'],
    ['batches', 'up to 512 commands share an entry: those that come in one turn of the leader'],
    ['settings', 'the defaults; no faults'],
    ['trials', `${[...trials].join(' and ')} of each cell, of ${MEASURED_S * 1000} ms`],
    ['judged', 'every trial: replicas equal, and no acknowledged write lost or applied twice'],
    ['published', SOURCE],
  ];
}
