/**
 * A small swarm with every `npm test`: seeds of each profile must pass, each must have put
 * something to the test, and together they must have used every feature of the protocol, so that a
 * profile which no longer gets to one of them is noticed. A failure names the seed and the command
 * that replays it.
 *
 *     npx ava test/swarm-seeds.test.ts
 */
import test from 'ava';
import { type Profile, scheduleOf } from '../lab/sim/profiles.ts';
import {
  FEATURES,
  type Feature,
  type FeatureCounts,
  noFeatures,
  runCounted,
} from './support/feature-counts.ts';

const SEEDS: readonly (readonly [Profile, number, number])[] = [
  ['lite', 1, 100],
  ['default', 1, 200],
  ['harsh', 1, 20],
];

/** In so many of the 200 runs of the default profile at least: about half of what was found. */
const RUNS_MIN: Readonly<Record<Feature, number>> = {
  'snapshots taken': 80,
  'snapshots installed': 60,
  learners: 40,
  'joint configurations': 24,
  'leaders removed': 20,
  'disks replaced': 28,
  'catch-ups given up': 3,
  'hand-overs': 60,
  'hand-overs given up': 12,
  'reads by a round': 190,
  'reads by a lease, without a round': 30,
  'reads by a follower': 190,
  'reads through the log': 190,
  'stale reads': 190,
  'sessions expired': 10,
  'commands refused as too many': 30,
  'elections by adapted timeouts': 16,
};

for (const [profile, first, last] of SEEDS) {
  test(`seeds ${first} to ${last} of profile ${profile} pass`, (t) => {
    let simulatedMs = 0;
    const runs = noFeatures();
    for (let seed = first; seed <= last; seed++) {
      const used = noFeatures();
      const { verdict, simulatedMs: ms } = runCounted(scheduleOf(seed, profile), used);
      simulatedMs += ms;
      for (const feature of FEATURES) if (used[feature] > 0) runs[feature]++;
      const again = `npm run sim -- --seed ${seed} --profile ${profile}`;
      t.is(verdict.kind, 'pass', `${JSON.stringify(verdict)}\nREPRODUCE: ${again}`);
    }
    t.log(`ran ${profile} seeds ${first}..${last}: ${Math.round(simulatedMs / 1000)} simulated s`);
    t.deepEqual(lacking(runs, profile), []);
  });
}

/** Features that too few runs have used; of small profiles those that none has. */
function lacking(runs: FeatureCounts, profile: Profile): string[] {
  return FEATURES.filter((feature) => {
    return runs[feature] < (profile === 'default' ? RUNS_MIN[feature] : 1);
  }).map((feature) => `${feature}: in ${runs[feature]} runs`);
}
