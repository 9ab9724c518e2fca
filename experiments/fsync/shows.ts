/** What the study says that its data show: each with what must have been counted for it. */
import { milliseconds, shortNumber } from '../../lab/report/table.ts';
import { costSamples, countedOf, isOf, middleOf, type Result, WRITES_LOST } from './counts.ts';
import type { Loss, Policy } from './policies.ts';

const MS_PER_S = 1000;

const SHOWS: readonly { readonly text: string; holds(results: readonly Result[]): boolean }[] = [
  {
    text:
      'Replication is no substitute for syncing. It covers a server that forgets, as long as ' +
      'the others do not: what all of them had in memory only is gone when the power of all ' +
      'fails.',
    holds: (results) =>
      hasSome(results, ['lazy'], ['all']) && hasNone(results, ['lazy'], ['follower', 'leader']),
  },
  {
    text:
      'What is lost when all lose power is less than a flush interval: servers flush at ' +
      'different moments, and a leader must have a log as late as a majority’s.',
    holds: (results) => hasSome(results, ['lazy'], ['all']) && isYoungerThanFlush(results),
  },
  {
    text:
      'A majority that has forgotten elects a leader from its midst now and then, although two ' +
      'servers still have everything. These two are then told to remove what they know to be ' +
      'committed, and refuse.',
    holds: (results) => {
      const { refusing, struck } = countedOf(results, isOf(['lazy'], ['majority']));
      return struck > 0 && refusing > 0;
    },
  },
  {
    text:
      'A follower that comes back without what it had acknowledged is not brought up to date ' +
      'while the same leader leads: a leader takes followers at their word, and their word was ' +
      'broken.',
    holds: (results) => countedOf(results, isOf(['lazy'], ['follower'])).behindTrials > 0,
  },
  {
    text:
      'A vote that is forgotten is given twice, and two servers lead in one term: the very ' +
      'thing that terms are to exclude (Election Safety, Figure 3.2).',
    holds: (results) => hasSome(results, ['lazy'], ['voter']),
  },
];

export function showsOf(results: readonly Result[]): string[] {
  const fixed = SHOWS.filter(({ holds }) => holds(results)).map(({ text }) => text);
  return [...groupCommitText(results), ...fixed];
}

/** Where it lost nothing, and was faster than a sync for each write could be. */
function groupCommitText(results: readonly Result[]): string[] {
  if (!hasNone(results, ['batched'], WRITES_LOST)) return [];
  const [batched] = results.filter(
    ({ cell, samples }) => cell.policy === 'batched' && cell.loss === 'none' && samples.length > 0,
  );
  if (batched === undefined) return [];
  const { syncMs } = batched.cell;
  const rate = middleOf(costSamples(batched), 'writesPerSecond')?.value ?? 0;
  if (rate <= MS_PER_S / syncMs) return [];
  return [
    'Group commit keeps the promise for a fraction of its price: a sync covers whatever has ' +
      'gathered during the one before it, so the rate is not bounded by syncs a second: ' +
      `${shortNumber(rate)} writes a second where a sync takes ${milliseconds(syncMs)}.`,
  ];
}

/** Of every lazy cell by itself: intervals differ. */
function isYoungerThanFlush(results: readonly Result[]): boolean {
  return results
    .filter(({ cell }) => isOf(['lazy'], ['all'])(cell))
    .every((result) => {
      const { oldestMs } = countedOf([result], () => true);
      return (oldestMs.at(-1) ?? 0) < result.cell.flushMs;
    });
}

function hasSome(results: readonly Result[], policies: readonly Policy[], losses: readonly Loss[]) {
  return countedOf(results, isOf(policies, losses)).struck > 0;
}

function hasNone(results: readonly Result[], policies: readonly Policy[], losses: readonly Loss[]) {
  const { struck, trials } = countedOf(results, isOf(policies, losses));
  return trials > 0 && struck === 0;
}
