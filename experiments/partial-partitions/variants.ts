/** What of chapter 9 and §6.2 a cluster has; stickiness (§4.2.3) is told apart from PreVote. */
import { type Refinements, refinements } from '../../lab/study/refinements.ts';

export const VARIANTS = {
  plain: refinements(),
  prevote: refinements('preVote'),
  'prevote-sticky': refinements('preVote', 'leaderStickiness'),
  checkquorum: refinements('checkQuorum'),
  'checkquorum-sticky': refinements('checkQuorum', 'leaderStickiness'),
  'both-unsticky': refinements('preVote', 'checkQuorum'),
  both: refinements('preVote', 'checkQuorum', 'leaderStickiness'),
} as const satisfies Readonly<Record<string, Refinements>>;

export type VariantName = keyof typeof VARIANTS;

export const VARIANT_NAMES = Object.keys(VARIANTS) as VariantName[];

/** For the heads of tables. */
export const VARIANT_TITLES: Readonly<Record<VariantName, string>> = {
  plain: 'plain',
  prevote: 'PreVote',
  'prevote-sticky': 'sticky PreVote',
  checkquorum: 'CheckQuorum',
  'checkquorum-sticky': 'sticky CheckQuorum',
  'both-unsticky': 'both, not sticky',
  both: 'both',
};
