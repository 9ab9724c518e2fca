/** What §3.8 lets one expect of each policy, held against what was counted. */
import { type Counted, countedOf, type Result } from './counts.ts';
import type { Cell, Loss, Policy } from './policies.ts';

export type Requirement = {
  readonly about: string;
  readonly expected: 'none' | 'some';
  readonly counted: Counted;
  readonly holds: boolean;
};

/** Losses of writes; votes are another matter. */
const ANY: readonly Loss[] = ['follower', 'leader', 'majority', 'all'];

type Expectation = Pick<Requirement, 'about' | 'expected'> & {
  readonly policies: readonly Policy[];
  readonly losses: readonly Loss[];
};

const EXPECTATIONS: readonly Expectation[] = [
  { about: 'always: writes lost', expected: 'none', policies: ['always'], losses: ANY },
  { about: 'batched: writes lost', expected: 'none', policies: ['batched'], losses: ANY },
  {
    about: 'lazy: writes lost, power of one server',
    expected: 'none',
    policies: ['lazy'],
    losses: ['follower', 'leader'],
  },
  {
    about: 'lazy: writes lost, power of all',
    expected: 'some',
    policies: ['lazy'],
    losses: ['all'],
  },
  {
    about: 'always, batched: two leaders of one term',
    expected: 'none',
    policies: ['always', 'batched'],
    losses: ['voter'],
  },
  {
    about: 'lazy: two leaders of one term',
    expected: 'some',
    policies: ['lazy'],
    losses: ['voter'],
  },
];

/** Those of which anything was measured. */
export function requirementsOf(results: readonly Result[]): Requirement[] {
  return EXPECTATIONS.flatMap(({ about, expected, losses, policies }) => {
    const isMeant = ({ loss, policy }: Cell): boolean =>
      policies.includes(policy) && losses.includes(loss);
    const counted = countedOf(results, isMeant);
    if (counted.trials === 0) return [];
    return [{ about, expected, counted, holds: counted.struck > 0 === (expected === 'some') }];
  });
}
