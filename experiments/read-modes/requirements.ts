/** What §6.4 lets one expect of each way of reading, held against what was counted. */
import type { ReadWay } from '../../lab/cluster.ts';
import { type Counted, countedOf, type Result, STORIES, type Story } from './counts.ts';

export type Requirement = Expectation & {
  readonly counted: Counted;
  readonly holds: boolean;
};

type Expectation = {
  readonly id: string;
  readonly mode: ReadWay;
  readonly stories: readonly Story[];
  readonly about: string;
  readonly expected: 'none' | 'some';
};

/** Those that hold whatever happens, … */
const ALWAYS: readonly (readonly [mode: ReadWay, about: string, expected: 'none' | 'some'])[] = [
  ['linearizable', 'ReadIndex', 'none'],
  ['follower', 'reads at followers', 'none'],
  ['log', 'reads through the log', 'none'],
  ['stale', 'stale reads, the control', 'some'],
];

/** … and what leases depend on. */
const LEASES: readonly Omit<Expectation, 'mode'>[] = [
  {
    id: 'lease within',
    stories: ['true', 'within'],
    about: 'leases with clocks within their bound',
    expected: 'none',
  },
  {
    id: 'lease paused',
    stories: ['paused'],
    about: 'leases over a pause with the clock running',
    expected: 'none',
  },
  {
    id: 'lease beyond',
    stories: ['beyond'],
    about: 'leases with clocks beyond their bound',
    expected: 'some',
  },
  {
    id: 'lease suspended',
    stories: ['suspended'],
    about: 'leases over a suspension with the clock standing',
    expected: 'some',
  },
];

const EXPECTATIONS: readonly Expectation[] = [
  ...ALWAYS.map(([mode, about, expected]) => ({
    id: mode,
    mode,
    stories: STORIES,
    about,
    expected,
  })),
  ...LEASES.map((lease) => ({ ...lease, mode: 'lease' as const })),
];

/** Those of which anything was measured. */
export function requirementsOf(results: readonly Result[]): Requirement[] {
  return EXPECTATIONS.flatMap((expectation) => {
    const { expected, mode, stories } = expectation;
    const counted = countedOf(results, mode, stories);
    if (counted.trials === 0) return [];
    const holds = counted.staleTrials > 0 === (expected === 'some');
    return [{ ...expectation, counted, holds }];
  });
}
