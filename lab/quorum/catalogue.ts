/** All that `npm run quorum` can run, by name. */
import { BASICS } from './basics.ts';
import { CRASHES } from './crashes.ts';
import { MEMBERSHIP } from './membership.ts';
import { PARTITIONS } from './partitions.ts';
import type { Scenario } from './scenario.ts';

/** How a staircase takes servers away, and so how it brings them back. */
export const WAYS = ['stop', 'kill', 'pause'] as const;
export type Way = (typeof WAYS)[number];

export const SCENARIOS: readonly Scenario[] = [...BASICS, ...CRASHES, ...PARTITIONS, ...MEMBERSHIP];

export function staircaseName(way: Way): string {
  return `staircase-${way}`;
}

export const NAMES: readonly string[] = [
  ...WAYS.map(staircaseName),
  ...SCENARIOS.map(({ name }) => name),
];
