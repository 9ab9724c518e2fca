/** What the report makes of the samples, and what follows from the rules alone. */
import type { CellResult } from '../../lab/study/study.ts';
import {
  type Cell,
  ELECTION_TIMEOUT_MS,
  HEARTBEAT_MS,
  LINK,
  VARIANTS,
  type VariantName,
  type Who,
} from './setup.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

/** A leader that nothing ailed has stepped down. */
export function isDisrupted({ deposedAfterMs }: Sample): boolean {
  return deposedAfterMs !== null;
}

export function disruptedOf({ samples }: Result): number {
  return samples.filter(isDisrupted).length;
}

/** Ascending: the longest outage of each trial that was disrupted. */
export function outagesMs(samples: readonly Sample[]): number[] {
  return samples
    .filter(isDisrupted)
    .map(({ longestOutageMs }) => longestOutageMs)
    .sort((a, b) => a - b);
}

/**
 * The share of trials that should be disrupted. A term that ran ahead deposes whoever hears of it;
 * only those who belong are heard in spite of stickiness, by their answers to the leader. With
 * PreVote no term runs ahead; what is left is a log as good as the others', asked about before the
 * leader's heartbeat comes.
 */
export function expectedShare({ variant, who }: Cell): number {
  const { leaderStickiness, preVote } = VARIANTS[variant];
  if (!preVote) return who === 'removed' && leaderStickiness ? 0 : 1;
  return who === 'level' && !leaderStickiness ? chanceToAskFirst() : 0;
}

/**
 * At the return the heartbeat is still up to an interval away, all moments alike; the server's own
 * timer, drawn anew again and again, may run out at any moment. It wins if that and a round of
 * pre-votes come first.
 */
function chanceToAskFirst(): number {
  const [low, high] = ELECTION_TIMEOUT_MS;
  const roomMs = HEARTBEAT_MS + LINK.delayMs - 2 * LINK.delayMs;
  return roomMs ** 2 / (2 * HEARTBEAT_MS) / ((low + high) / 2);
}

export function find(
  results: readonly Result[],
  variant: VariantName,
  who: Who,
): Result | undefined {
  return results.find(({ cell, samples }) => {
    return cell.variant === variant && cell.who === who && samples.length > 0;
  });
}
