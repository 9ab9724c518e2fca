/** What the study says: each cell beside what window, batch and clients allow in a round trip. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { shortNumber } from '../../lab/report/table.ts';
import type { About } from '../../lab/study/study.ts';
import { type Measured, measuredOf, type Result, standingOf, TOLERANCE } from './bounds.ts';
import { figuresOf } from './figures.ts';
import { find, middle, valuesOf } from './selection.ts';
import { tablesOf } from './tables.ts';
import {
  COMMANDS_MAX,
  COMMANDS_MIN,
  DISK_SPREAD,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  OUTSTANDING,
  ROUND_TRIPS,
  SERVERS,
} from './trial.ts';

const SHOWS = [
  'Window and batch do the same for throughput: what counts is their product, the commands that ' +
    'may be in flight, until the clients have no more. On a link of ten times the delay the same ' +
    'product carries a tenth.',
  'The leader fills a message with what waits, and does not wait for a message to fill. With ' +
    'room in the window commands leave one by one; once it is full, the others wait for up to a ' +
    'round trip. A window that holds more than all clients have outstanding therefore stays ' +
    'below the ceiling, and a batch or a window beyond that changes little.',
  'A follower writes what has gathered while its disk was busy in one go. Where the write takes ' +
    'longer than the links, the messages in flight fall into two halves that take turns at the ' +
    'disk: each waits for the other’s write before its own.',
];

const SHOWS_NOT = [
  'Any cost of processing: in virtual time a message takes no time to encode, send, check or ' +
    'apply. On real machines a batch saves most of that, and hundreds of thousands of commands a ' +
    'second are the processor’s limit long before they are the round trip’s.',
  'Bandwidth: links carry any number of bytes at once.',
  'Light load, where pipelining keeps a command from waiting for the one before it and batching ' +
    'has nothing to gather.',
  'Lost or overtaken messages, for which a pipeline falls back to one message at a time.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const all = results.flatMap((result) => measuredOf(result) ?? []);
  return {
    verdict: verdictOf(all),
    holds: all.every((each) => standingOf(each) !== 'outside'),
    headline: headlineOf(all),
    setup: setupOf(results, seed),
    figures: figuresOf(all),
    tables: tablesOf(all),
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(all: readonly Measured[]): string {
  if (all.length === 0) return 'Nothing was measured.';
  const counted = (standing: ReturnType<typeof standingOf>): number =>
    all.filter((each) => standingOf(each) === standing).length;
  const [at, between, outside] = [counted('at'), counted('between'), counted('outside')];
  const rule =
    `throughput is window × batch in each round trip until the ${OUTSTANDING} outstanding ` +
    'commands run out';
  const numbers =
    `of ${all.length} cells ${at} reach ${100 - TOLERANCE * 100} % of that, and ${between} lie ` +
    'between it and what is left where messages wait for the disk or leave before they are full';
  if (outside === 0) return `${capital(rule)}: ${numbers}.`;
  return `It does not hold everywhere that ${rule}: ${numbers}, but ${outside} lie outside.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What each of the two is worth alone, and both together, at one distance. */
function headlineOf(all: readonly Measured[]): string[] {
  const place = {
    delayMs: middle(valuesOf(all, 'delayMs')),
    diskMs: middle(valuesOf(all, 'diskMs')),
  };
  const [batches, windows] = [valuesOf(all, 'batch'), valuesOf(all, 'windowMessages')];
  const ends = [batches[0], windows[0], batches.at(-1), windows.at(-1)];
  const [batchLow = 0, windowLow = 0, batchHigh = 0, windowHigh = 0] = ends;
  const at = (windowMessages: number, batch: number): string | null => {
    const found = find(all, { ...place, batch, windowMessages });
    return found === undefined ? null : `**${shortNumber(found.throughput.mean)}**`;
  };
  const neither = at(windowLow, batchLow);
  if (neither === null || batchLow === batchHigh || windowLow === windowHigh) return [];
  return [
    `At ${place.delayMs} ms one way and ${place.diskMs} ms for a write, a window of ${windowLow} ` +
      `and a batch of ${batchLow} carry ${neither} commands a second.`,
    `A window of ${windowHigh} alone makes that ${at(windowHigh, batchLow)}, a batch of ` +
      `${batchHigh} alone ${at(windowLow, batchHigh)}, and both together ` +
      `${at(windowHigh, batchHigh)}.`,
  ];
}

function setupOf(results: readonly Result[], seed: number): Pairs {
  const trials = [...new Set(results.map(({ samples }) => samples.length))];
  return [
    ['servers', `${SERVERS}, all up`],
    ['load', `closed: ${OUTSTANDING} writes always outstanding, of clients beside the leader`],
    ['window', 'AppendEntries with entries in flight to each follower'],
    ['batch', 'most commands in one AppendEntries; every command is an entry of its own'],
    ['links', 'constant delay, no loss, any bandwidth'],
    [
      'disks',
      `a write takes its mean ± ${DISK_SPREAD * 100} %, uniformly; what comes meanwhile is the ` +
        'next write; the leader sends while it writes (§10.2.1)',
    ],
    ['processors', 'free: nothing but links and disks takes time'],
    [
      'elections',
      `timeouts of ${ELECTION_TIMEOUT_MS.join(' to ')} ms, heartbeats every ${HEARTBEAT_MS} ms: ` +
        'none takes place while a run is measured',
    ],
    [
      'measured',
      `once the first ${OUTSTANDING} calls were answered, over ${ROUND_TRIPS} full windows, but ` +
        `no less than ${COMMANDS_MIN} and no more than ${count(COMMANDS_MAX)} commands`,
    ],
    ['trials', `${trials.join(' and ')} of each cell, seed ${seed}`],
    ['theory', 'Little’s law: what is under way, divided by how long it is (§10.2.2)'],
  ];
}
