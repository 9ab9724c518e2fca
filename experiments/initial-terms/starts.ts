/** The terms that servers begin in. */
import type { StudyFactor } from '../../lab/study/study.ts';
import { between, fork } from '../../src/raft/random.ts';

export const SERVERS = 5;
/** Of the lowest, and of the entry that logs begin with. */
export const LOWEST_TERM = 1;
/** Between the server that is far ahead and the others. */
export const AHEAD = 1000;

const ONE_AHEAD = 'one-ahead';
const ONE_AHEAD_BEHIND = 'one-ahead-behind';
const SPREAD_MAX = 1_000_000;

export type Start =
  /** Each server's term is drawn from so many beyond the lowest; of 0, all are equal. */
  | { readonly kind: 'spread'; readonly spread: number }
  /** The first server's is far above the others', and its log may be behind. */
  | { readonly kind: 'ahead'; readonly isBehind: boolean };

/** `spread-10`, `one-ahead` or `one-ahead-behind`; undefined for what is neither. */
export function startOf(text: string): Start | undefined {
  if (text === ONE_AHEAD || text === ONE_AHEAD_BEHIND) {
    return { kind: 'ahead', isBehind: text === ONE_AHEAD_BEHIND };
  }
  const [, digits] = /^spread-(\d{1,7})$/.exec(text) ?? [];
  const spread = Number(digits);
  return spread <= SPREAD_MAX ? { kind: 'spread', spread } : undefined;
}

export function startFactor(
  values: readonly string[],
  quick: readonly string[],
): StudyFactor<string> {
  return {
    about: 'terms that servers begin in: drawn from so many beyond the lowest, or one far ahead',
    allowed: `spread-K with K of 0 to ${SPREAD_MAX}, ${ONE_AHEAD}, ${ONE_AHEAD_BEHIND}`,
    values,
    quick,
    parse: (text) => {
      const start = startOf(text);
      if (start === undefined) return undefined;
      return start.kind === 'spread' ? `spread-${start.spread}` : text;
    },
    print: String,
  };
}

/** Of each server. */
export function initialTerms(start: Start, seed: number): number[] {
  const rng = fork(seed, 'terms');
  return Array.from({ length: SERVERS }, (_, i) => {
    if (start.kind === 'spread') return LOWEST_TERM + between(rng, 0, start.spread);
    return LOWEST_TERM + (i === 0 ? AHEAD : 0);
  });
}

/**
 * How likely the first server to campaign wins, if no other campaigns meanwhile: it asks in its own
 * term and one, two of the four others make a majority with it, and a refusal in a later term ends
 * its candidacy (§3.3). So the first two to answer, who may be any, must both grant their votes.
 */
export function firstWinsShare(start: Start): number {
  if (start.kind === 'ahead') {
    // Three of the four others have no later term, so that half of all pairs grant theirs.
    const others = (1 - 1 / SERVERS) / 2;
    return start.isBehind ? others : others + 1 / SERVERS;
  }
  const terms = start.spread + 1;
  let sum = 0;
  for (let term = 0; term < terms; term++) sum += Math.min((term + 2) / terms, 1) ** 2;
  return sum / terms;
}

/** In words, for tables and curves. */
export function startText(text: string): string {
  const start = startOf(text);
  if (start === undefined) return text;
  if (start.kind === 'ahead') {
    return start.isBehind ? 'one ahead, its log behind' : 'one ahead';
  }
  return start.spread === 0 ? 'all equal' : `spread by ${start.spread.toLocaleString('en')}`;
}
