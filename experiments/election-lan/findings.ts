/** What the study says: each range beside its published curve. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { milliseconds } from '../../lab/report/table.ts';
import { LOGCABIN_LAN } from '../../lab/study/link-profiles.ts';
import type { About } from '../../lab/study/study.ts';
import { type Compared, compare, type Result, sameOrder } from './compared.ts';
import { figuresOf } from './figures.ts';
import { SOURCE } from './published.ts';
import { tablesOf } from './tables.ts';

const SHOWS = [
  'Randomness ends the ties that can make elections without it last for seconds, and a wider ' +
    'range of it has the shorter tail; what it costs is the wait for the first timeout, in the ' +
    'median.',
  'With shorter timeouts the time without a leader shrinks in proportion, until the exchange of ' +
    'votes itself is what takes time.',
  'The steps in the curves are split votes: each costs another election timeout. A server that ' +
    'asks although its log is behind costs less, since who refuses it keeps its timer.',
];

const SHOWS_NOT = [
  'A real network, disk or scheduler: all of these are in two delays, which were chosen once for ' +
    'all ranges, by what is published of the machines (a broadcast time of roughly 15 ms).',
  'The same end: a trial ends when a server leads, and the publication’s when the others hear of ' +
    'it, one way of 2.2 ms later. The table of medians has both.',
  'The shape of the narrowest ranges: there, who is a millisecond ahead decides, and the jitter ' +
    'of that network and of those threads was not published. Without any randomness it is the ' +
    'clocks alone: with perfect ones (--clock-ppm 0) most of these elections tie for ever, and ' +
    'with clocks that run apart as quartz does many end at once and others last far longer.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const compared = compare(results);
  return {
    verdict: verdictOf(compared),
    holds: compared.every(({ median }) => median.isWithin) && sameOrder(compared),
    headline: headlineOf(compared),
    setup: setupOf(results),
    figures: figuresOf(results),
    tables: tablesOf(results, compared, seed),
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(compared: readonly Compared[]): string {
  if (compared.length === 0) return 'None of these ranges was published, so nothing is compared.';
  const outside = compared.filter(({ median }) => !median.isWithin);
  const medians = `${compared.length - outside.length} of ${compared.length} medians`;
  const others = outside.map(({ label, median: { measured, publishedMs } }) => {
    return `${label} has ${milliseconds(measured.value)} for ${milliseconds(publishedMs)}`;
  });
  const which = others.length === 0 ? '' : ` (outside: ${others.join(', ')})`;
  const order =
    compared.length < 2
      ? ''
      : `, the order of the curves is ${sameOrder(compared) ? '' : 'not '}as published`;
  const apart = compared.filter(({ chance, distance }) => distance > chance);
  const shapes =
    apart.length === 0
      ? ', and no curve differs from its published one by more than chance'
      : `, and the curves of ${apart.map(({ label }) => label).join(', ')} differ in shape`;
  return `${medians} lie within their tolerance of the published${which}${order}${shapes}.`;
}

function headlineOf(compared: readonly Compared[]): string[] {
  const told = ['150-155', '150-300', '12-24'].flatMap((range) =>
    compared
      .filter(({ result }) => result.cell.electionTimeoutMs === range)
      .map(({ label, median }) => {
        const measured = milliseconds(median.measured.value);
        const published = milliseconds(median.publishedMs);
        return `**${measured}** with timeouts of ${label} ms (published: ${published})`;
      }),
  );
  const values = compared.flatMap((each) => each.values);
  if (values.length === 0) return [];
  const within = values.filter(({ isWithin }) => isWithin).length;
  const met = `${within} of ${values.length} are met within the tolerance`;
  const all = `Of all published quantiles, ${met}.`;
  if (told.length === 0) return [all];
  return [`In the median the cluster is without a leader for ${told.join(', ')}.`, all];
}

function setupOf(results: readonly Result[]): Pairs {
  const ppm = [...new Set(results.map(({ cell }) => cell.clockPpm))].join(' or ');
  const counts = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ['servers', '5; the leader crashes, and 2 of the other 4 have logs that are behind'],
    ['crash', 'at a moment drawn from the heartbeat interval, which is half the minimum timeout'],
    ['last heartbeat', 'sent to all at once: their timers start together, as in the publication'],
    ['network', LOGCABIN_LAN.about],
    ['clocks', `up to ${ppm} ppm fast or slow; quartz is some 20 ppm off`],
    ['left out, as then', 'PreVote, CheckQuorum, leader stickiness, latency of disks'],
    ['timeouts', 'drawn anew each time, to the microsecond'],
    ['trials', [...counts].join(' and ')],
    ['measured', 'from the crash until another server leads'],
    ['tolerance', '10 % of a published value; 30 % where timeouts differ by 5 ms or less'],
    ['published', SOURCE],
  ];
}
