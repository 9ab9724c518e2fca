/** The tables of the study. */
import type { Table, TableCell } from '../../lab/report/content.ts';
import { count } from '../../lab/report/samples.ts';
import { NOTHING, percent, sharePercent, shortMs, shortNumber } from '../../lab/report/table.ts';
import { bootstrapMean } from '../../lab/statistics/bootstrap.ts';
import type { Estimate } from '../../lab/statistics/interval.ts';
import { proportion } from '../../lab/statistics/proportion.ts';
import { quantileEstimate } from '../../lab/statistics/quantiles.ts';
import { disruptedOf, expectedShare, outagesMs, type Result } from './numbers.ts';
import { VARIANT_TITLES, WATCHED_MS, WHO, WHO_TITLES } from './setup.ts';

/** Whether the exact interval has what is expected in it. */
export function isAsExpected(result: Result): boolean {
  const { high, low } = proportion(disruptedOf(result), result.samples.length);
  const expected = expectedShare(result.cell);
  return low <= expected && expected <= high;
}

export function tablesOf(results: readonly Result[], seed: number): Table[] {
  const sorted = WHO.flatMap((who) => results.filter(({ cell }) => cell.who === who));
  const measured = sorted.filter(({ samples }) => samples.length > 0);
  return [disruptionTable(measured), costTable(measured, seed)];
}

function disruptionTable(results: readonly Result[]): Table {
  return {
    title: 'How often a healthy leader is deposed',
    heads: [
      'who',
      'variant',
      'trials',
      'deposed',
      'share',
      '95 % interval',
      'expected',
      'verdict',
      'after ms',
      '95 % interval',
    ],
    words: 2,
    rows: results.map((result, i): TableCell[] => {
      const { cell, samples } = result;
      const disrupted = disruptedOf(result);
      const share = proportion(disrupted, samples.length);
      const within = isAsExpected(result);
      const after = samples.flatMap(({ deposedAfterMs }) => deposedAfterMs ?? []);
      const median = quantileEstimate(
        after.sort((a, b) => a - b),
        0.5,
      );
      return [
        whoCell(results, i),
        VARIANT_TITLES[cell.variant],
        count(samples.length),
        count(disrupted),
        sharePercent(share.value),
        `${sharePercent(share.low)} to ${sharePercent(share.high)}`,
        percent(expectedShare(cell)),
        { text: within ? 'within' : 'outside', tone: within ? 'good' : 'bad' },
        ...estimateCells(median, shortMs),
      ];
    }),
    note:
      'Intervals of shares are exact, those of medians by order statistics. Expected follows ' +
      'from the rules: a term that ran ahead deposes whoever hears of it; with PreVote none ' +
      'runs ahead, and a log that is level wins votes where nobody withholds them and its ' +
      'server asks before the leader’s heartbeat comes. After: from the return until the leader ' +
      'stepped down, median.',
  };
}

function costTable(results: readonly Result[], seed: number): Table {
  return {
    title: `What it costs: the ${WATCHED_MS / 1000} s after the return`,
    heads: [
      'who',
      'variant',
      'leader changes',
      '95 % interval',
      'terms moved',
      '95 % interval',
      'ran ahead',
      'longest outage ms',
      '95 % interval',
      'p90',
      'time without',
      '95 % interval',
      'gap ms',
    ],
    words: 2,
    rows: results.map(({ cell, samples }, i): TableCell[] => {
      const outages = outagesMs(samples);
      const meanOf = (of: (sample: Result['samples'][number]) => number) =>
        bootstrapMean(samples.map(of), seed);
      const gaps = samples.flatMap(({ longestGapMs }) => longestGapMs ?? []);
      const gap = quantileEstimate(
        gaps.sort((a, b) => a - b),
        0.5,
      );
      return [
        whoCell(results, i),
        VARIANT_TITLES[cell.variant],
        ...estimateCells(
          meanOf(({ leaderChanges }) => leaderChanges),
          shortNumber,
        ),
        ...estimateCells(
          meanOf(({ terms }) => terms),
          shortNumber,
        ),
        shortNumber(meanOf(({ termsAhead }) => termsAhead)?.value ?? null),
        ...estimateCells(quantileEstimate(outages, 0.5), shortMs),
        shortMs(quantileEstimate(outages, 0.9)?.value ?? null),
        ...estimateCells(
          meanOf(({ outageMs }) => outageMs / WATCHED_MS),
          sharePercent,
        ),
        shortMs(gap?.value ?? null),
      ];
    }),
    note:
      'Means over trials with bootstrapped intervals; medians of the longest outage over the ' +
      'trials that were disrupted. Ran ahead: by how many terms the server’s own term was beyond ' +
      'the leader’s when it returned. Gap: the longest time without a commit, median, where ' +
      'clients write.',
  };
}

/** Once for all its rows. */
function whoCell(results: readonly Result[], i: number): string {
  const who = results[i]?.cell.who;
  return who === undefined || who === results[i - 1]?.cell.who ? '' : WHO_TITLES[who];
}

function estimateCells(
  estimate: Estimate | null,
  write: (value: number | null) => string,
): [string, string] {
  if (estimate === null) return [NOTHING, NOTHING];
  return [write(estimate.value), `${write(estimate.low)} to ${write(estimate.high)}`];
}
