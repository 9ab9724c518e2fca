/**
 * A small swarm with every `npm test`: seeds of each profile must pass, and each must have put
 * something to the test. A failure names the seed and the command that replays it.
 *
 *     npx ava test/swarm-seeds.test.ts
 */
import test from 'ava';
import { type Profile, scheduleOf } from '../lab/sim/profiles.ts';
import { runSchedule } from '../lab/sim/run.ts';

const SEEDS: readonly (readonly [Profile, number, number])[] = [
  ['lite', 1, 100],
  ['default', 1, 200],
  ['harsh', 1, 20],
];

for (const [profile, first, last] of SEEDS) {
  test(`seeds ${first} to ${last} of profile ${profile} pass`, (t) => {
    let simulatedMs = 0;
    for (let seed = first; seed <= last; seed++) {
      const { verdict, simulatedMs: ms } = runSchedule(scheduleOf(seed, profile));
      simulatedMs += ms;
      const again = `npm run sim -- --seed ${seed} --profile ${profile}`;
      t.is(verdict.kind, 'pass', `${JSON.stringify(verdict)}\nREPRODUCE: ${again}`);
    }
    t.log(`ran ${profile} seeds ${first}..${last}: ${Math.round(simulatedMs / 1000)} simulated s`);
  });
}
