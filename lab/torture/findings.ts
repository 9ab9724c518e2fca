/** What the torture says of its parts. */
import type { Figure, Findings, Pairs, Table } from '../report/content.ts';
import { PALETTE } from '../report/plot.ts';
import { count, type Spread } from '../report/samples.ts';
import { stripPlot } from '../report/strip-plot.ts';
import { milliseconds, shortMs } from '../report/table.ts';
import {
  beyondStartUpMs,
  interruptionsOf,
  TIMEOUTS_MAX,
  TIMEOUTS_MEDIAN,
  type TortureDocument,
  type TortureRow,
} from './document.ts';
import type { Part } from './run.ts';

const NAMES: Readonly<Record<Part, string>> = {
  one: 'one each second',
  all: 'all at once',
};
const COLORS: Readonly<Record<Part, string>> = { one: PALETTE[0], all: PALETTE[1] };

const SHOWS = [
  'What was acknowledged survives SIGKILL of any server, and of all of them: it was on the disks ' +
    'of a majority before it was acknowledged.',
  'Repetitions under exactly-once headers take effect once, across kills and changes of leader: ' +
    'one that took effect twice would make the history illegal.',
  'A cluster without a leader is back after an election, and one without servers after their ' +
    'start-up and an election.',
];

const SHOWS_NOT = [
  'Loss of power: SIGKILL takes a process and leaves what the system has in its caches. That ' +
    'nothing is acknowledged before fsync is shown by tests of the storage.',
  'A repetition to the moment: the seed repeats who is killed and what clients ask, not how the ' +
    'processes are scheduled meanwhile.',
  'A cluster on several machines: here a server that starts takes the cores from those that serve.',
];

export function findingsOf(document: TortureDocument, complaints: readonly string[]): Findings {
  const { rows } = document;
  return {
    verdict: verdictOf(rows, complaints),
    headline: rows.map(headlineOf),
    setup: setupOf(document),
    figures: [figureOf(document)],
    tables: [tableOf(rows), clientsTable(rows)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(rows: readonly TortureRow[], complaints: readonly string[]): string {
  if (complaints.length > 0) return `${complaints.length} of the promises did not hold.`;
  const kills = rows.reduce((sum, row) => sum + killedOf(row), 0);
  const writes = rows.reduce((sum, { verdict }) => sum + verdict.acknowledged, 0);
  return (
    `In ${count(kills)} kills none of ${count(writes)} acknowledged writes was lost, and what ` +
    'clients saw is linearizable.'
  );
}

function headlineOf({ part, servedAfterMs, beyondStartUpMs: beyond }: TortureRow): string {
  if (servedAfterMs.median === null) return 'No kill took the leader or the majority.';
  const lead =
    part === 'one'
      ? 'After the kill of a server that led, or without which there was no majority, a write was'
      : 'After the kill of all servers a write was';
  return (
    `${lead} acknowledged within **${milliseconds(servedAfterMs.median)}** in the median and ` +
    `${milliseconds(servedAfterMs.max)} at most; of that, ${milliseconds(beyond.median)} and ` +
    `${milliseconds(beyond.max)} after a majority was up.`
  );
}

function setupOf({ plan, electionTimeoutMs }: TortureDocument): Pairs {
  return [
    ['servers', `${plan.nodes} processes on this machine, data on disk`],
    ['one each second', `${plan.seconds} s; SIGKILL to a server drawn anew, started again at once`],
    ['all at once', `${plan.allAtOnce} times SIGKILL to all, started again at once`],
    ['election timeout', `${electionTimeoutMs / 2} to ${electionTimeoutMs} ms`],
    [
      'load',
      `${plan.clients} clients over HTTP: get, put and cas on 3 keys, and puts of keys that are ` +
        'read back at the end; about 10 ms between an answer and the next request',
    ],
    ['one each second: repetitions', 'under exactly-once headers, until they are answered'],
    ['all at once: repetitions', 'only of what was surely not executed'],
    ['seed', String(plan.seed)],
  ];
}

function figureOf({ rows, electionTimeoutMs }: TortureDocument): Figure {
  const strips = rows.map(({ part, kills }) => ({
    label: NAMES[part],
    color: COLORS[part],
    samplesMs: interruptionsOf(kills).flatMap(beyondStartUpMs),
  }));
  const title = 'Time until a write is acknowledged, after a majority is up';
  const ms = TIMEOUTS_MEDIAN * electionTimeoutMs;
  const bound = { ms, label: `${TIMEOUTS_MEDIAN} election timeouts` };
  return {
    title,
    file: 'served.svg',
    svg: stripPlot(strips, { title, x: 'milliseconds, a dot for each kill', bound }),
    caption:
      'Kills that took the leader or the majority. From the kill on, or from the moment when a ' +
      'majority answered again if that was later, until the first acknowledgement of a write ' +
      'that was asked for after the kill. Half may take ' +
      `${TIMEOUTS_MEDIAN} election timeouts, and none more than ${TIMEOUTS_MAX}.`,
  };
}

function tableOf(rows: readonly TortureRow[]): Table {
  return {
    title: 'Recovery',
    heads: [
      'killed',
      'kills',
      'interruptions',
      'overtaken',
      'start-up, median ms',
      'max',
      'served after, median ms',
      'max',
      'after a majority is up, median ms',
      'max',
    ],
    words: 1,
    rows: rows.map((row) => [
      NAMES[row.part],
      count(killedOf(row)),
      count(row.interruptions),
      count(row.overtaken),
      ...medianAndMax(row.startUpMs),
      ...medianAndMax(row.servedAfterMs),
      ...medianAndMax(row.beyondStartUpMs),
    ]),
    note:
      'Interruptions: kills that took the leader or the majority; their times are told. ' +
      'Overtaken: the next kill came before service was back; the last one is never overtaken. ' +
      'Start-up: from spawning a process until it answers.',
  };
}

function clientsTable(rows: readonly TortureRow[]): Table {
  return {
    title: 'What clients saw',
    heads: [
      'killed',
      'history',
      'operations',
      'writes acknowledged',
      'not executed',
      'outcome unknown',
      'acknowledged and lost',
    ],
    words: 2,
    rows: rows.map(({ part, verdict }) => [
      NAMES[part],
      verdict.linearizable === 'ok' ? 'linearizable' : verdict.linearizable,
      count(verdict.operations),
      count(verdict.acknowledged),
      count(verdict.failed),
      count(verdict.unknown),
      count(verdict.lost.length),
    ]),
    note: 'Every value is written once, so that a read shows which write it has seen.',
  };
}

function medianAndMax({ median, max }: Spread): string[] {
  return [shortMs(median), shortMs(max)];
}

function killedOf({ kills }: TortureRow): number {
  return kills.reduce((sum, { killed }) => sum + killed, 0);
}
