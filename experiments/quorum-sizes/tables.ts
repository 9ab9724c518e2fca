/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { NOTHING, percent, sharePercent, shortMs } from '../../lab/report/table.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { commitMs, isWithin, recoveryMs, TOLERANCE } from './expected.ts';
import {
  bears,
  earlyShare,
  earlyShares,
  latenciesMs,
  leftOf,
  numbersLeft,
  type Result,
  recoveriesMs,
  sizesOf,
} from './numbers.ts';
import {
  BIN_MS,
  hasMajority,
  KIND_TITLES,
  KINDS,
  type Kind,
  majorityOf,
  PATIENCE_MS,
} from './setup.ts';

const EARLY_STEP_MS = 100;
const EARLY_STEPS = [0, 100, 200, 300, 400];

export function tablesOf(results: readonly Result[]): Table[] {
  return [servedTable(results), earlyTable(results), recoveryTable(results), sizeTable(results)];
}

// ---- What is served -----------------------------------------------------------------------------

function servedTable(results: readonly Result[]): Table {
  const withMajority = results.filter(({ cell }) => hasMajority(cell));
  const without = results.filter(({ cell }) => !hasMajority(cell) && leftOf(cell) > 0);
  return {
    title: 'Trials in which all requests of a kind were served, and trials in which any was',
    heads: [
      'request',
      'majority left: all served',
      '95 % interval',
      'some server left: any served',
      '95 % interval',
      'as expected',
    ],
    words: 1,
    rows: KINDS.map((kind): TableCell[] => {
      const all = trialsOf(withMajority, kind, (served, asked) => served === asked);
      const any = trialsOf(without, kind, (served) => served > 0);
      const expected = kind === 'stale' ? any.those === any.trials : any.those === 0;
      const isExpected = all.those === all.trials && expected;
      return [
        KIND_TITLES[kind],
        ...trialCells(all),
        ...trialCells(any),
        { text: isExpected ? 'yes' : 'no', tone: isExpected ? 'good' : 'bad' },
      ];
    }),
    note:
      'A trial counts as a whole, since its requests meet the same cluster; intervals are exact. ' +
      `A request is served if any server answers it within ${PATIENCE_MS} ms.`,
  };
}

type Trials = { readonly those: number; readonly trials: number };

function trialsOf(
  results: readonly Result[],
  kind: Kind,
  holds: (served: number, asked: number) => boolean,
): Trials {
  const samples = results.flatMap((result) => result.samples);
  const those = samples.filter(({ asked, served }) => holds(served[kind], asked)).length;
  return { those, trials: samples.length };
}

function trialCells({ those, trials }: Trials): string[] {
  if (trials === 0) return [NOTHING, NOTHING];
  const { high, low } = proportion(those, trials);
  const text = `${count(those)} of ${count(trials)}`;
  return [text, `${sharePercent(low)} to ${sharePercent(high)}`];
}

// ---- The first moments --------------------------------------------------------------------------

function earlyTable(results: readonly Result[]): Table {
  const situation = { majority: false, leaderFailed: false };
  return {
    title: 'The majority is lost and the leader is left: what it still serves',
    heads: ['request', ...EARLY_STEPS.map((ms) => `${ms} to ${ms + EARLY_STEP_MS} ms`)],
    words: 1,
    rows: KINDS.map((kind) => {
      const shares = earlyShares(results, situation, kind);
      const cells = EARLY_STEPS.map((ms) => {
        const from = ms / BIN_MS;
        return percent(earlyShare(shares, from, from + EARLY_STEP_MS / BIN_MS));
      });
      return [KIND_TITLES[kind], ...cells];
    }),
    note:
      'Share of requests made in that time after the crash, all sizes from 3 servers. A leader ' +
      'whose lease still holds does not know yet that it is alone, and nobody else can have been ' +
      'elected: what it answers is right. The lease ends before the minimum election timeout.',
  };
}

// ---- Times to recover ---------------------------------------------------------------------------

function recoveryTable(results: readonly Result[]): Table {
  const rows = numbersLeft(results).flatMap((servers): TableCell[][] => {
    const own = results.filter(({ cell }) => leftOf(cell) === servers);
    const times = recoveriesMs(own, 'leaderFailed');
    const median = quantileEstimate(times, 0.5);
    const late = quantileEstimate(times, 0.9);
    if (median === null || late === null) return [];
    const sizes = sizesOf(
      own.filter((result) => recoveriesMs([result], 'leaderFailed').length > 0),
    );
    return [
      [
        String(servers),
        sizes.join(', '),
        count(times.length),
        ...comparedCells(median, recoveryMs(servers, 0.5)),
        shortMs(late.value),
        rangeOf(late),
        shortMs(recoveryMs(servers, 0.9)),
      ],
    ];
  });
  return {
    title: 'The leader fails and a majority is left: from the crash until a write is served',
    heads: [
      'servers left',
      'of',
      'trials',
      'p50 ms',
      '95 % interval',
      'expected',
      'verdict',
      'p90 ms',
      '95 % interval',
      'expected',
    ],
    words: 2,
    rows,
    note:
      'Expected: the least of so many draws from the range of election timeouts, and three ' +
      `round trips; outside is an interval that lies more than ${TOLERANCE * 100} % off as a ` +
      'whole. Split votes and pre-votes that come too early are not in it, and lengthen the tail.',
  };
}

function sizeTable(results: readonly Result[]): Table {
  return {
    title: 'By size of the cluster',
    heads: [
      'servers',
      'failures borne',
      'write waits for',
      'p50 ms',
      '95 % interval',
      'expected',
      'verdict',
      'p99 ms',
      'leader spared ms',
      'leader failed ms',
      'after return ms',
      '95 % interval',
    ],
    words: 1,
    rows: sizesOf(results).map((nodes): TableCell[] => {
      const own = results.filter(({ cell }) => cell.nodes === nodes);
      const latencies = latenciesMs(results, nodes);
      const back = quantileEstimate(recoveriesMs(own, 'noMajority'), 0.5);
      return [
        String(nodes),
        String(bears(results, nodes) ?? NOTHING),
        nodes === 1 ? 'nobody' : `${majorityOf(nodes) - 1} of ${nodes - 1}`,
        ...comparedCells(quantileEstimate(latencies, 0.5), commitMs(nodes, 0.5)),
        shortMs(quantileEstimate(latencies, 0.99)?.value ?? null),
        medianText(recoveriesMs(own, 'leaderSpared')),
        medianText(recoveriesMs(own, 'leaderFailed')),
        shortMs(back?.value ?? null),
        back === null ? NOTHING : rangeOf(back),
      ];
    }),
    note:
      'Latency with no server failed; expected is the order statistic of the followers that have ' +
      'to answer, each after two draws of the link’s delay; the verdict is as above. Times to ' +
      'recover are medians: from the crash where a majority is left, else from the return of ' +
      'all. Intervals are by order statistics.',
  };
}

function comparedCells(estimate: Estimate | null, expectedMs: number): TableCell[] {
  if (estimate === null) return [NOTHING, NOTHING, shortMs(expectedMs), NOTHING];
  const within = isWithin(estimate, expectedMs);
  return [
    shortMs(estimate.value),
    rangeOf(estimate),
    shortMs(expectedMs),
    { text: within ? 'within' : 'outside', tone: within ? 'good' : 'bad' },
  ];
}

function medianText(ascendingMs: readonly number[]): string {
  return shortMs(quantileEstimate(ascendingMs, 0.5)?.value ?? null);
}

function rangeOf({ high, low }: Estimate): string {
  return `${shortMs(low)} to ${shortMs(high)}`;
}
