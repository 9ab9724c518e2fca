/** The variants, who returns, and the numbers that the trial and its report share. */
import { type Refinements, refinements } from '../../lab/study/refinements.ts';

export const VARIANTS = {
  plain: refinements(),
  checkquorum: refinements('checkQuorum'),
  sticky: refinements('leaderStickiness'),
  prevote: refinements('preVote'),
  'prevote-checkquorum': refinements('preVote', 'checkQuorum'),
  'prevote-sticky': refinements('preVote', 'leaderStickiness'),
  all: refinements('preVote', 'checkQuorum', 'leaderStickiness'),
} as const satisfies Readonly<Record<string, Refinements>>;

export type VariantName = keyof typeof VARIANTS;

export const VARIANT_NAMES = Object.keys(VARIANTS) as VariantName[];

export const VARIANT_TITLES: Readonly<Record<VariantName, string>> = {
  plain: 'plain',
  checkquorum: 'CheckQuorum',
  sticky: 'stickiness',
  prevote: 'PreVote',
  'prevote-checkquorum': 'PreVote and CheckQuorum',
  'prevote-sticky': 'PreVote and stickiness',
  all: 'all three',
};

/**
 * `behind`: a follower is cut off while clients write. `level`: while nothing is written, so that
 * its log is as long as the others' when it returns. `removed`: it is taken out of the cluster
 * while it is cut off, and never learns of it.
 */
export const WHO = ['behind', 'level', 'removed'] as const;
export type Who = (typeof WHO)[number];

export const WHO_TITLES: Readonly<Record<Who, string>> = {
  behind: 'returns, its log behind',
  level: 'returns, its log level',
  removed: 'removed, and never told',
};

export type Cell = { readonly variant: VariantName; readonly who: Who };

export const SERVERS = 5;
export const ELECTION_TIMEOUT_MS = [150, 300] as const;
export const HEARTBEAT_MS = 50;
/** One way. */
export const LINK = { delayMs: 1, jitterMs: 0.5, distribution: 'uniform' } as const;
export const AWAY_MS = 2000;
/** From the return on. */
export const WATCHED_MS = 3000;
export const WRITES_PER_SECOND = 50;
