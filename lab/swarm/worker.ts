/**
 * A thread of a swarm: runs a few seeds and gives back what is counted of each, not their
 * histories.
 */
import type { Profile } from '../sim/profiles.ts';
import { scheduleOf } from '../sim/profiles.ts';
import { runSchedule } from '../sim/run.ts';
import { runSeeds, type SeedSummary } from './seed-summary.ts';

export type ChunkTask = { readonly seeds: readonly number[]; readonly profile: Profile };

export default function runChunk({ seeds, profile }: ChunkTask): SeedSummary[] {
  return runSeeds(seeds, (seed) => scheduleOf(seed, profile), runSchedule);
}
