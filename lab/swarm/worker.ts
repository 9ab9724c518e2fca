/** A thread of a swarm: runs a seed and gives back what is counted of it, not its history. */
import type { Profile } from '../sim/profiles.ts';
import { scheduleOf } from '../sim/profiles.ts';
import { runSchedule } from '../sim/run.ts';
import { runSeed, type SeedSummary } from './seed-summary.ts';

export type SeedTask = {
  readonly seed: number;
  readonly profile: Profile;
  /** Its element is set to 1 when the run begins. */
  readonly begun: Int32Array;
};

export default function run({ seed, profile, begun }: SeedTask): SeedSummary {
  Atomics.store(begun, 0, 1);
  return runSeed(seed, () => scheduleOf(seed, profile), runSchedule);
}
