/** What the study says of split votes. */
import type { Findings, Pairs, Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { mean } from '../../lab/report/stats.ts';
import { NOTHING, sharePercent, shortMs } from '../../lab/report/table.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import type { About } from '../../lab/study/study.ts';
import { figuresOf } from './figures.ts';
import { EXAMPLES, expectedElection, SOURCE, splitProbability } from './formula.ts';
import { CONFIDENCE, type Judged, judge, type Result } from './judged.ts';
import { RANGE_MS } from './trial.ts';

const SHOWS = [
  'The formula of §9.2 holds for the whole protocol, and not only for the model that it was ' +
    'derived from: with a fixed latency nothing but the distance of timeouts decides the first ' +
    'term.',
  'Servers that are down cost more than latency does: with a bare majority two servers that time ' +
    'out within one latency of each other are enough to split the vote.',
  'A range of ten to twenty latencies keeps split votes rare (§9.3), and a wider one costs more ' +
    'time than it saves.',
  'The formula of §9.3 takes each term for a new election, as if all timers started together ' +
    'again (“essentially memoryless”). They start at different moments: a candidate’s when it ' +
    'stands, a voter’s up to a latency later. So they lie further apart than at first, and where ' +
    'most votes are split elections end sooner than the formula has it.',
];

const SHOWS_NOT = [
  'Latencies that vary: a vote that is asked for later may then arrive sooner (§9.2 simulates ' +
    'that). The study election-wan has them.',
  'A crash: all timers start together here. A leader that crashes between heartbeats takes up to ' +
    'a heartbeat interval off, and leaves the distances as they are.',
  'Two servers with the very same timeout: with a range of a second drawn to the microsecond ' +
    'that happens once in 100,000 elections or so.',
];

export function findings(results: readonly Result[], { seed }: About): Findings {
  const judged = judge(results);
  return {
    verdict: verdictOf(judged),
    holds: judged.every(({ isWithin }) => isWithin),
    headline: headlineOf(judged),
    setup: setupOf(results),
    figures: figuresOf(judged, seed),
    tables: [cellTable(judged), exampleTable(judged)],
    shows: SHOWS,
    showsNot: SHOWS_NOT,
  };
}

function verdictOf(judged: readonly Judged[]): string {
  if (judged.length === 0) return 'No trial came to its end, so there is nothing to compare.';
  const within = judged.filter(({ isWithin }) => isWithin).length;
  const shares = judged.map(share);
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map(sharePercent);
  const range = least === most ? `of ${most}` : `from ${least} to ${most}`;
  const rest = within === judged.length ? '' : `, and ${judged.length - within} do NOT`;
  return (
    `${within} of ${judged.length} simulated shares of split votes, ${range}, lie within the ` +
    `exact intervals of the formula, at ${CONFIDENCE * 100} % for all at once${rest}.`
  );
}

function share({ result, splits }: Judged): number {
  return splits / result.samples.length;
}

function headlineOf(judged: readonly Judged[]): string[] {
  const bare = judged.filter(({ result: { cell } }) => cell.latency === 0.1 && cell.servers === 5);
  const told = bare.map((each) => {
    const { alive, servers } = each.result.cell;
    return `**${sharePercent(share(each))}** with ${servers - alive} down`;
  });
  if (told.length === 0) return [];
  return [
    'With a latency of a tenth of the range, of five servers’ elections are split: ' +
      `${told.join(', ')}.`,
  ];
}

function setupOf(results: readonly Result[]): Pairs {
  const counts = new Set(results.map(({ samples }) => count(samples.length)));
  return [
    ['servers', 'equal logs; those that are down never start'],
    ['network', 'the same latency for every message'],
    ['election timeout', `${RANGE_MS} to ${2 * RANGE_MS} ms, to the microsecond; all start at 0`],
    ['left out, as then', 'PreVote, CheckQuorum, leader stickiness, latency of disks'],
    ['split vote', 'the first term elects nobody'],
    ['trials', `${[...counts].join(' and ')} of each cell`],
    ['formulas', SOURCE],
    [
      'intervals',
      `exact, by the binomial distribution; together ${CONFIDENCE * 100} %, by Bonferroni`,
    ],
  ];
}

function cellTable(judged: readonly Judged[]): Table {
  return {
    title: 'All cells',
    heads: [
      'servers',
      'alive',
      'latency',
      'formula',
      'allowed',
      'simulated',
      '95 % interval',
      'verdict',
      'terms',
      'formula',
      'mean, in ranges',
      'formula',
    ],
    words: 0,
    rows: judged.map(({ allowed, formula, isWithin, result, splits }): TableCell[] => {
      const { cell, samples } = result;
      const { high, low, value } = proportion(splits, samples.length);
      const range = allowed.map((counts) => sharePercent(counts / samples.length));
      const averageMs = mean(samples.map(({ leaderlessMs }) => leaderlessMs)) ?? 0;
      return [
        String(cell.servers),
        String(cell.alive),
        String(cell.latency),
        sharePercent(formula),
        range.join(' to '),
        sharePercent(value),
        `${sharePercent(low)} to ${sharePercent(high)}`,
        { text: isWithin ? 'within' : 'outside', tone: isWithin ? 'good' : 'bad' },
        (mean(samples.map(({ terms }) => terms)) ?? 0).toFixed(2),
        (1 / (1 - formula)).toFixed(2),
        shortMs(averageMs / RANGE_MS),
        shortMs(expectedElection(cell)),
      ];
    }),
    note:
      'Allowed is what the formula gives with the confidence that all cells need for 99 % ' +
      'together. Terms and mean times are beside §9.3’s expectation for elections that are ' +
      'independent of each other, which the later terms of an election are not.',
  };
}

function exampleTable(judged: readonly Judged[]): Table {
  return {
    title: 'Examples that the text works out',
    heads: ['servers', 'alive', 'latency', 'published', 'formula', 'simulated'],
    words: 0,
    rows: EXAMPLES.map((example) => {
      const { alive, latency, servers, text } = example;
      const found = judged.find(
        ({ result: { cell } }) =>
          cell.servers === servers && cell.alive === alive && cell.latency === latency,
      );
      return [
        String(servers),
        String(alive),
        String(latency),
        text,
        finePercent(splitProbability(example)),
        found === undefined ? NOTHING : finePercent(share(found)),
      ];
    }),
    note: `Source: ${SOURCE}. What was not simulated with these factors has no value.`,
  };
}

/** Two significant digits below one per cent, where a decimal says little. */
function finePercent(value: number): string {
  if (value === 0 || value >= 0.01) return sharePercent(value);
  return `${Number((value * 100).toPrecision(2))} %`;
}
