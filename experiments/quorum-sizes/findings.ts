/** What the study says: where the quorum lies, and what lies on either side of it. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { figuresOf } from './figures.ts';
import {
  bears,
  exceptionsOf,
  latenciesMs,
  measured,
  type RecoveryCase,
  type Result,
  recoveriesMs,
  sizesOf,
} from './numbers.ts';
import {
  AWAIT_EVERY_MS,
  CLOCK_DRIFT_PPM,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  KIND_TITLES,
  KINDS,
  LINK,
  REQUEST_EVERY_MS,
  SETTLE_MS,
  WINDOW_MS,
  WRITE_EVERY_MS,
} from './setup.ts';
import { showsOf } from './shows.ts';
import { tablesOf } from './tables.ts';

/** Cells that a sentence names; the others are counted. */
const NAMED_MAX = 3;

const SHOWS_NOT = [
  'What clients wait for in addition: here every request is made of all servers that run, so ' +
    'that nobody has to search for the leader, and none is repeated.',
  'Cuts between servers that run (see partial-partitions), and failures one after the other: all ' +
    'fail at once, and come back at once with their disks intact.',
  'Time that processors and disks take: both are nothing here, so that the sizes differ by what ' +
    'they wait for alone.',
];

export function findings(results: readonly Result[]): Findings {
  return {
    verdict: verdictOf(results),
    holds: measured(results).every((result) => exceptionsOf(result).length === 0),
    headline: headlineOf(results),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: tablesOf(results),
    shows: showsOf(results),
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(results: readonly Result[]): string {
  const known = measured(results);
  if (known.length === 0) return 'Nothing was measured.';
  const exceptions = known.filter((result) => exceptionsOf(result).length > 0);
  const rule =
    'Writes and all reads but stale ones are served if and only if a majority is up, and stale ' +
    `reads if any server is: in ${known.length - exceptions.length} of ${known.length} cells`;
  if (exceptions.length === 0) return `${rule}.`;
  const named = exceptions.slice(0, NAMED_MAX).map((result) => {
    const kinds = exceptionsOf(result).map((kind) => `${KIND_TITLES[kind]}s`);
    const { failed, nodes } = result.cell;
    return `${failed} of ${nodes} failed (${kinds.join(', ')})`;
  });
  const rest = exceptions.length - named.length;
  return `${rule}; not with ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`;
}

function headlineOf(results: readonly Result[]): string[] {
  return [...recoveryLine(results), ...evenLine(results)];
}

function recoveryLine(results: readonly Result[]): string[] {
  const text = (of: RecoveryCase): string | null => {
    const median = quantileEstimate(recoveriesMs(results, of), 0.5)?.value;
    return median === undefined ? null : milliseconds(median);
  };
  const [failed, spared, back] = [text('leaderFailed'), text('leaderSpared'), text('noMajority')];
  const parts = [
    ...(failed === null ? [] : [`**${failed}** after a crash that took the leader`]),
    ...(spared === null ? [] : [`**${spared}** after one that spared it`]),
    ...(back === null ? [] : [`**${back}** after the return of a majority that had been lost`]),
  ];
  return parts.length === 0 ? [] : [`In the median a write is served ${parts.join(', ')}.`];
}

/** Of the even sizes one, beside the size below it. */
function evenLine(results: readonly Result[]): string[] {
  const sizes = sizesOf(results);
  const even = sizes.find((nodes) => nodes >= 4 && nodes % 2 === 0 && sizes.includes(nodes - 1));
  if (even === undefined) return [];
  const [fewer, more] = [bears(results, even - 1), bears(results, even)];
  const [below, own] = [even - 1, even].map(
    (nodes) => quantileEstimate(latenciesMs(results, nodes), 0.5)?.value,
  );
  if (fewer === null || more === null || below === undefined || own === undefined) return [];
  const failures = (failed: number): string => `${failed} ${failed === 1 ? 'failure' : 'failures'}`;
  const borne =
    fewer === more
      ? `${even} servers bear ${failures(more)}, as ${even - 1} do`
      : `${even} servers bear ${failures(more)}, and ${even - 1} bear ${failures(fewer)}`;
  return [
    `**${borne}**, and the median write takes **${milliseconds(own)}** with ${even} for ` +
      `**${milliseconds(below)}** with ${even - 1}.`,
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const trials = [...new Set(measured(results).map(({ samples }) => count(samples.length)))];
  const [low, high] = ELECTION_TIMEOUT_MS;
  return [
    ['servers', sizesOf(results).join(', ')],
    ['failures', 'all at once, drawn by the seed; in half of the trials the leader is spared'],
    ['crash', 'the process is gone, and starts again on what its disk holds'],
    ['requests', KINDS.map((kind) => KIND_TITLES[kind]).join(', ')],
    ['asked', 'every server that runs, once, without a client’s link between'],
    [
      'availability',
      `${WINDOW_MS / 1000} s, from ${SETTLE_MS / 1000} s after the crash; a request of each kind ` +
        `every ${REQUEST_EVERY_MS} ms`,
    ],
    [
      'recovery',
      `a write every ${AWAIT_EVERY_MS} ms until one is served; every ${WRITE_EVERY_MS} ms before`,
    ],
    ['links', `${LINK.delayMs} ms ± ${LINK.jitterMs} ms one way, uniform`],
    ['disks', 'without latency'],
    ['election timeout', `${low} to ${high} ms; heartbeat ${HEARTBEAT_MS} ms`],
    ['refinements', 'PreVote (§9.6), CheckQuorum (§6.2), leader stickiness (§4.2.3)'],
    ['lease', `clocks are taken to be ${CLOCK_DRIFT_PPM} ppm fast or slow at most`],
    ['trials', `${trials.join(' and ')} of each cell`],
    ['judged', 'every trial: replicas equal, and what was answered linearizable'],
  ];
}
