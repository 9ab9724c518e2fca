/** What the study says of changes of membership. */

import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { CHUNKS_MAX } from '../../src/raft/progress.ts';
import { figuresOf } from './figures.ts';
import {
  type Compared,
  comparisons,
  ELECTION_TIMEOUT_MS,
  greatest,
  hardest,
  medianOf,
  NAMES,
  type Result,
  TOLERANCE,
} from './numbers.ts';
import {
  AFTER_MS,
  BEFORE_MS,
  CHUNK_BYTES,
  type Change,
  DISK_MS,
  JUDGED_MB,
  LINK,
  SERVERS,
  VALUE_BYTES,
  WRITES_PER_SECOND,
} from './setup.ts';
import { effectTable, timeTable } from './tables.ts';

const SHOWS = [
  'Who leaves costs a commit of one entry; the time of every other change is that of sending the ' +
    'state to who comes, as a learner that no majority needs (§4.2.1).',
  'A snapshot goes in chunks, of which several are under way as long as their answers come soon: ' +
    'over a fast line as over a slow one the bytes take most of the time. A small state over a ' +
    'fast line takes longer than expected: beside it the commits of the change itself count.',
  'What writes notice is their turn on the leader’s line: behind chunks it comes some ' +
    'milliseconds later, behind the entries that were written since the snapshot some tens.',
  'A leader that is removed leads until that has committed, and then has a server that is up to ' +
    'date begin an election at once (§4.2.2, §3.10): the gap is an election without its timeout. ' +
    'Each client finds the new leader with its next write, which takes longer than the gap.',
];

const SHOWS_NOT = [
  'What it costs to take and to read a snapshot: time is virtual, nothing takes processor time, ' +
    'and a disk takes as long for a kilobyte as for a megabyte.',
  'A network that shares a line fairly between connections, as real ones do: here it sends in ' +
    'the order in which it was given, so that a write may wait for a whole burst.',
  'A newcomer that is slower than the log grows, and gives up after ten rounds or ten seconds.',
  'Failures during the change: the simulator’s swarm and the experiment membership have those.',
];

export function reconfigurationFindings(results: readonly Result[]): Findings {
  const compared = comparisons(results);
  return {
    verdict: verdictOf(results),
    headline: headlineOf(results, compared),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: [timeTable(results, compared), effectTable(results)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(results: readonly Result[]): string {
  const took = (['remove', 'add', 'replace-two'] as const).flatMap((change) => {
    const result = hardest(results, change);
    if (result === null) return [];
    const ms = milliseconds(medianOf(result.samples, ({ doneMs }) => doneMs)?.value ?? null);
    return [`${timeWord(change)} ${ms}${stateText(result)}`];
  });
  const all = results.flatMap(({ samples }) => samples);
  const gapMs = greatest(all, ({ gapMs: own }) => own);
  if (gapMs === null) return 'Nothing was measured.';
  const unserved = all.reduce((sum, { unserved: own }) => sum + own, 0);
  const beside = gapMs < ELECTION_TIMEOUT_MS ? 'shorter' : 'no shorter';
  const served = unserved === 0 ? 'every write was served' : `${count(unserved)} writes were not`;
  const first = took.length === 0 ? '' : `${sentence(took.join(', '))}; `;
  return (
    `${first}the longest time without a commit was ${milliseconds(gapMs)}, ${beside} than the ` +
    `shortest election timeout, and ${served}.`
  );
}

function timeWord(change: Change): string {
  switch (change) {
    case 'remove':
      return 'to remove a follower takes';
    case 'add':
      return 'to add a server';
    default:
      return `to ${NAMES[change]}`;
  }
}

function stateText({ cell }: Result): string {
  if (cell.change === 'remove') return '';
  return ` with ${cell.stateMb} MB at ${cell.megabytesPerSecond} MB/s`;
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function headlineOf(results: readonly Result[], compared: readonly Compared[]): string[] {
  const lines: string[] = [];
  const within = compared.filter(({ isWithin }) => isWithin).length;
  if (compared.length > 0) {
    lines.push(
      `**${within} of ${compared.length}** times to catch up lie within ${TOLERANCE * 100} % of ` +
        'what the line and one round trip for each window of chunks make of them.',
    );
  }
  for (const change of ['add', 'replace-two', 'remove-leader'] as const) {
    const result = hardest(results, change);
    if (result === null) continue;
    const gap = medianOf(result.samples, ({ gapMs }) => gapMs);
    const before = medianOf(result.samples, ({ gapBeforeMs }) => gapBeforeMs);
    const where = change === 'remove-leader' ? '' : stateText(result);
    lines.push(
      `To ${NAMES[change]}${where}, the longest time without a commit goes from ` +
        `${milliseconds(before?.value ?? null)} to **${milliseconds(gap?.value ?? null)}** in ` +
        'the median.',
    );
  }
  return lines;
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  const rates = [...new Set(results.map(({ cell }) => cell.megabytesPerSecond))].join(' or ');
  return [
    ['servers', `${SERVERS}, all up, and blank ones that come`],
    ['changes of one', 'at once when who comes has caught up (§4.1)'],
    ['others', 'through a joint configuration, when all who come have caught up (§4.3)'],
    ['state', 'values of 16 KiB, which all servers have in a snapshot; nothing of the log is kept'],
    ['chunks', `of ${CHUNK_BYTES / 1024} KiB, up to ${CHUNKS_MAX} under way to each who gets them`],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform, in order`],
    ['line of a server', `${rates} MB/s, for all that it sends`],
    ['disks', `${DISK_MS.join(' to ')} ms a write, uniform`],
    ['load', `${WRITES_PER_SECOND} writes a second of ${VALUE_BYTES} bytes, evenly, open`],
    ['request', `after ${BEFORE_MS / 1000} s of load, at any moment of a heartbeat`],
    ['watched', `until ${AFTER_MS / 1000} s after the change is through`],
    ['election timeout', '150 to 300 ms, with PreVote and CheckQuorum; heartbeat 50 ms'],
    ['trials', `${[...trials].join(' and ')} of each cell`],
    [
      'judged',
      `safety at every step; with up to ${JUDGED_MB} MB, replicas and what clients saw as well`,
    ],
  ];
}
