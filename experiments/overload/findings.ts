/** What the study says: who recovers from an overload, and who does not. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { mean, quantile } from '../../lab/report/stats.ts';
import { shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { figuresOf } from './figures.ts';
import { type Result, recoveredWithin, recoveriesMs } from './measures.ts';
import { showsOf } from './shows.ts';
import { tablesOf } from './tables.ts';
import {
  AFTER_S,
  BEFORE_S,
  BOUND_BYTES,
  BYTES_PER_SECOND,
  DELAY_MS,
  DISK_MS,
  ELECTION_TIMEOUT_MS,
  EXCESS,
  HEARTBEAT_MS,
  OVERLOAD_S,
  PRESSURES,
  type Pressure,
  QUEUE_BYTES,
  REQUEST_TIMEOUT_MS,
  RETRY_MS,
  SERVERS,
  USUAL,
  VALUE_BYTES,
} from './trial.ts';
import { BOUND_MS, WITHIN_MS } from './words.ts';

const SHOWS_NOT = [
  'A processor or a disk as what is short. They queue as links do, but the order in which a ' +
    'processor takes up messages may save heartbeats.',
  'Clients that stop calling when they are refused, as people do: the rate of calls does not ' +
    'depend on the answers here.',
  'A bound that holds longer than clients wait before they ask again: then some of what is ' +
    'accepted is asked for twice, and the refusal protects less.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return {
    verdict: verdictOf(measured),
    headline: headlineOf(measured),
    setup: setupOf(measured, seed),
    figures: figuresOf(measured),
    tables: tablesOf(measured),
    shows: showsOf(measured),
    showsNot: SHOWS_NOT,
  };
}

const WHO: Readonly<Record<Pressure, string>> = {
  refusal: 'With refusals',
  none: 'without back-pressure',
  window: 'with a bounded window alone',
};

function verdictOf(results: readonly Result[]): string {
  const told = (['refusal', 'none', 'window'] as const).flatMap((pressure) => {
    const samples = results
      .filter(({ cell }) => cell.backPressure === pressure)
      .flatMap((result) => result.samples);
    if (samples.length === 0) return [];
    const recovered = recoveredWithin(samples, WITHIN_MS);
    return [`${WHO[pressure]} ${recovered} of ${samples.length} trials`];
  });
  const [first, ...others] = told;
  if (first === undefined) return 'No trial came to its end.';
  const what = `recover within ${WITHIN_MS / 1000} s from twice the load that the links carry`;
  const rest = others.map((words) => `${words} do`).join(', and ');
  return `${capital(first)} ${what}${rest === '' ? '' : `; ${rest}`}.`;
}

function headlineOf(results: readonly Result[]): string[] {
  const told = PRESSURES.flatMap((pressure) => {
    const own = results.filter(({ cell }) => cell.backPressure === pressure);
    const times = own.map(({ cell, samples }) => {
      const ms = quantile(recoveriesMs(samples), 0.5) ?? 0;
      const after = ms >= AFTER_S * 1000 ? `more than ${AFTER_S} s` : `${(ms / 1000).toFixed(1)} s`;
      return `**${after}** with ${cell.retries} clients`;
    });
    return times.length === 0 ? [] : [`${WHO[pressure]} ${times.join(' and ')}`];
  });
  if (told.length === 0) return [];
  return [
    'Until every call is answered in good time again it takes, in the median: ' +
      `${told.map((words) => words.toLowerCase()).join('; ')}.`,
  ];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function setupOf(results: readonly Result[], seed: number): Pairs {
  const trials = [...new Set(results.map(({ samples }) => samples.length))];
  const capacities = results.flatMap(({ samples }) =>
    samples.map(({ capacityPerSecond }) => capacityPerSecond),
  );
  return [
    ['servers', `${SERVERS}, snapshots off`],
    [
      'links between servers',
      `${kib(BYTES_PER_SECOND)}/s in each direction, ${DELAY_MS} ms one way; what waits for them ` +
        `is sent in turn, up to ${kib(QUEUE_BYTES)}, and dropped beyond`,
    ],
    [
      'capacity',
      `${shortNumber(mean(capacities))} writes of ${VALUE_BYTES} bytes a second, measured in ` +
        'each trial by a closed load',
    ],
    [
      'load',
      `open: ${USUAL} times the capacity for ${BEFORE_S} s, ${EXCESS} times for ${OVERLOAD_S} s, ` +
        `${USUAL} times for ${AFTER_S} s`,
    ],
    [
      'clients',
      `give a call up after ${REQUEST_TIMEOUT_MS / 1000} s` +
        (results.some(({ cell }) => cell.retries === 'eager')
          ? `; eager ones repeat it after ${RETRY_MS.eager} ms, then after twice as long and so ` +
            'on; nothing takes effect twice'
          : ''),
    ],
    ...pressuresOf(results),
    [
      'timing',
      `election timeouts of ${ELECTION_TIMEOUT_MS.join(' to ')} ms, heartbeats every ` +
        `${HEARTBEAT_MS} ms; PreVote, CheckQuorum and leader stickiness on`,
    ],
    ['disks', `a write takes ${DISK_MS.join(' to ')} ms`],
    ['at last', 'limits are lifted; histories and replicas are judged, every run'],
    ['trials', `${trials.join(' and ')} of each cell, seed ${seed}`],
    ['published', 'nothing'],
  ];
}

/** What the bounds mean that were run. */
function pressuresOf(results: readonly Result[]): Pairs {
  const bound = kib(BOUND_BYTES);
  const window =
    `no more than ${bound} in flight to a follower, which keep a link busy for ` + `${BOUND_MS} ms`;
  const all: readonly (readonly [Pressure, string, string])[] = [
    [
      'none',
      'no bound',
      'AppendEntries of up to 64 KiB, 64 of them in flight, any number of bytes',
    ],
    ['window', 'window', window],
    [
      'refusal',
      'refusal',
      `${window}; commands are refused while ${bound} of the log are not committed`,
    ],
  ];
  return all.flatMap(([pressure, name, text]) =>
    results.some(({ cell }) => cell.backPressure === pressure) ? [[name, text] as const] : [],
  );
}

function kib(bytes: number): string {
  return `${bytes / 1024} KiB`;
}
