/** What the study says: uneven networks beside an even one. */
import type { Findings, Pairs } from '../../lab/report/content.ts';
import { shareText } from '../../lab/report/estimates.ts';
import { count } from '../../lab/report/samples.ts';
import { sharePercent, shortMs } from '../../lab/report/table.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { timesFigure, winnersFigure } from './figures.ts';
import {
  FAIR_SHARE,
  medianTimeouts,
  type Result,
  ratiosOf,
  repeated,
  wonByRank,
} from './numbers.ts';
import { timesTable, winnersTable } from './tables.ts';
import { SERVERS, SHAPES } from './topology.ts';

const SHOWS = [
  'Where all links are alike, whoever times out first also reaches everybody first, and a vote ' +
    'is split only if two more servers time out before its requests arrive. Where they are not, ' +
    'a single rival that times out later can reach a voter earlier: two such candidates with two ' +
    'votes each are enough.',
  'It is not the asymmetry as such that splits votes: links that are alike on average, with a ' +
    'latency drawn for each message (messages-0.9), do the same.',
  'The winner is decided by three things: who hears the last heartbeat early and so times out ' +
    'early, who reaches voters early, and chance, which election timeouts are made of. The ' +
    'longer the timeouts, the more of it is chance.',
];

const SHOWS_NOT = [
  'Networks whose latencies change with load or over time: each link keeps its own, to the ' +
    'microsecond (but for messages-0.9).',
  'PreVote, CheckQuorum and leader stickiness, which are off as in the publications: a round of ' +
    'pre-votes adds a round trip.',
  'Servers whose logs are behind, and disks: all can be elected, and a vote costs only its way.',
  'Whether the cluster is well served by the leader that it gets: that the server with the best ' +
    'links wins more often is no promise that it does.',
];

export function findings(results: readonly Result[]): Findings {
  const measured = results.filter(({ samples }) => samples.length > 0);
  return {
    verdict: verdictOf(measured),
    headline: headlineOf(measured),
    setup: setupOf(results),
    figures: [timesFigure(measured), winnersFigure(measured)],
    tables: [timesTable(measured), winnersTable(measured)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

// ---- Sentences ----------------------------------------------------------------------------------

/** The middle one of the ratios that were measured stands for all. */
function middleRatio(results: readonly Result[]): number | undefined {
  const ratios = ratiosOf(results);
  return ratios[Math.floor((ratios.length - 1) / 2)];
}

/** The even network, and the others but the one without any asymmetry. */
function compared(results: readonly Result[]) {
  const ratio = middleRatio(results);
  const own = results.filter(({ cell }) => cell.timeoutRatio === ratio);
  const even = own.find(({ cell }) => cell.links === 'even');
  const uneven = own.filter(({ cell }) => !['even', 'messages-0.9'].includes(cell.links));
  return even === undefined || uneven.length === 0 ? null : { ratio, even, uneven };
}

function verdictOf(results: readonly Result[]): string {
  const found = compared(results);
  if (found === null) {
    return 'An even network and an uneven one were not both measured, so nothing is compared.';
  }
  const { even, ratio, uneven } = found;
  const base = medianTimeouts(even) ?? 0;
  const changes = uneven.map((each) => (medianTimeouts(each) ?? 0) / base - 1);
  const shares = uneven.map((each) => repeated(each) / each.samples.length);
  const most = Math.max(...shares);
  const evenShare = repeated(even) / even.samples.length;
  const often = most > evenShare ? 'more often' : 'no more often';
  const split = `${range(shares, sharePercent)} for ${sharePercent(evenShare)}`;
  return (
    `With a minimum timeout of ${ratio} mean latencies, uneven links change the median time ` +
    `without a leader by ${range(changes, signed)}, votes are split ${often} ` +
    `(${split}), and ${bestText(uneven)}.`
  );
}

/** Whether good links help: the elections of all networks whose links are drawn, taken together. */
function bestText(uneven: readonly Result[]): string {
  const drawn = uneven.filter(({ cell }) => SHAPES[cell.links].isDrawn);
  const trials = drawn.reduce((sum, { samples }) => sum + samples.length, 0);
  if (trials === 0) return 'who has the best links was not measured';
  const won = drawn.reduce((sum, each) => sum + wonByRank(each, 'both', 1), 0);
  const { high, low } = proportion(won, trials);
  const differs = low > FAIR_SHARE || high < FAIR_SHARE;
  const judged = differs ? 'where chance gives 25 %' : 'which may be the 25 % of chance';
  const share = shareText(won, trials);
  return `the server with the best links wins ${share} of the elections, ${judged}`;
}

function headlineOf(results: readonly Result[]): string[] {
  const found = compared(results);
  if (found === null) return [];
  const { even, uneven } = found;
  const worst = uneven.toSorted(
    (a, b) => repeated(b) / b.samples.length - repeated(a) / a.samples.length,
  )[0];
  const fastest = uneven
    .filter(({ cell }) => SHAPES[cell.links].isDrawn)
    .map((each) => {
      const won = wonByRank(each, 'fromLeader', 1);
      return {
        links: each.cell.links,
        share: won / each.samples.length,
        text: shareText(won, each.samples.length),
      };
    })
    .sort((a, b) => b.share - a.share)[0];
  const split = (of: Result): string => shareText(repeated(of), of.samples.length);
  const lines = [
    `With even links **${split(even)}** of the elections had to be repeated` +
      (worst === undefined ? '.' : `, with ${worst.cell.links} **${split(worst)}**.`),
  ];
  if (fastest === undefined) return lines;
  const { links, text } = fastest;
  return [
    ...lines,
    `Of the four that are left, the one nearest to the old leader wins **${text}** with ` +
      `${links}: it has heard the last heartbeat first.`,
  ];
}

/** `a to b`, or `a` where the two read alike. */
function range(values: readonly number[], write: (value: number) => string): string {
  const [low, high] = [write(Math.min(...values)), write(Math.max(...values))];
  return low === high ? low : `${low} to ${high}`;
}

function signed(change: number): string {
  const percent = Math.round(change * 100);
  return percent === 0 ? '0 %' : `${percent < 0 ? '−' : '+'}${Math.abs(percent)} %`;
}

function setupOf(results: readonly Result[]): Pairs {
  const links = [...new Set(results.map(({ cell }) => cell.links))];
  const ratios = ratiosOf(results);
  const trials = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ['servers', `${SERVERS}, all logs equal; a server drawn for each trial leads first`],
    ...links.map((name) => {
      const { about, meanMs } = SHAPES[name];
      return [`links: ${name}`, `${about}; ${shortMs(meanMs)} ms on average`] as const;
    }),
    [
      'election timeouts',
      `${ratios.join(', ')} times that average, up to twice as much, drawn to the microsecond`,
    ],
    ['heartbeat', 'half the minimum timeout'],
    ['crash', 'of the leader, at a moment drawn from the heartbeat interval'],
    ['left out', 'PreVote, CheckQuorum, leader stickiness; latency of disks; loss'],
    ['trials', `${[...trials].join(' and ')} of each cell`],
    ['measured', 'from the crash until another server has won an election'],
    ['published', 'nothing: §9.7 of the dissertation names the question and leaves it open'],
  ];
}
