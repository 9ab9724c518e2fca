/**
 * The study of syncing: with syncs before acknowledgements no power failure loses anything, without
 * them the failure of all servers does, and a forgotten vote makes two leaders of one term.
 *
 *   npm exec ava -- test/study-fsync.test.ts
 */
import test from 'ava';
import { nameOf, type Result } from '../experiments/fsync/counts.ts';
import { findings, verdictOf } from '../experiments/fsync/findings.ts';
import type { LossSample } from '../experiments/fsync/loss-trial.ts';
import type { Cell, Loss, Policy } from '../experiments/fsync/policies.ts';
import { lazily, oneByOne } from '../experiments/fsync/storages.ts';
import study from '../experiments/fsync/study.ts';
import { type Sample, trial } from '../experiments/fsync/trial.ts';
import type { PersistChange } from '../src/raft/types.ts';
import type { Storage } from '../src/storage/storage.ts';

const AGAIN = 'again: npm run experiment -- fsync';

function cellOf(policy: Policy, loss: Loss): Cell {
  return { policy, loss, syncMs: 1, flushMs: policy === 'lazy' ? 20 : 0 };
}

function run(policy: Policy, loss: Loss, seeds: number): Result {
  const cell = cellOf(policy, loss);
  return { cell, samples: Array.from({ length: seeds }, (_, seed) => trial(cell, seed)) };
}

function lossIn({ samples }: Result): number {
  return samples.filter((sample) => 'lost' in sample && sample.lost > 0).length;
}

for (const policy of ['always', 'batched'] as const) {
  test(`${policy}: nothing is lost, whoever loses power`, (t) => {
    for (const loss of ['follower', 'leader', 'majority', 'all'] as const) {
      t.is(lossIn(run(policy, loss, 3)), 0, `${AGAIN} --policy ${policy} --loss ${loss}`);
    }
  });

  test(`${policy}: a server remembers its vote`, (t) => {
    for (const sample of run(policy, 'voter', 20).samples) t.like(sample, { termsOfTwo: 0 });
  });
}

test('lazy: when all lose power, what is lost is younger than a flush and a sync', (t) => {
  const { samples } = run('lazy', 'all', 5);
  for (const sample of samples as LossSample[]) {
    t.true(sample.lost > 0, AGAIN);
    t.true(sample.oldestMs <= 20 + 1.1, `${sample.oldestMs} ms; ${AGAIN}`);
    t.true(sample.lost < sample.acknowledged);
  }
});

test('lazy: some trials have two leaders of one term', (t) => {
  const two = run('lazy', 'voter', 30).samples.filter(
    (sample) => 'termsOfTwo' in sample && sample.termsOfTwo > 0,
  );
  t.true(two.length > 0, `${AGAIN} --policy lazy --loss voter`);
});

test('one by one is slower than batched, and batched slower than not waiting', (t) => {
  const rates = (['always', 'batched', 'lazy'] as const).map((policy) => {
    const [sample] = run(policy, 'none', 1).samples;
    return sample !== undefined && 'writesPerSecond' in sample ? sample.writesPerSecond : 0;
  });
  const [always = 0, batched = 0, lazy = 0] = rates;
  // One sync of a millisecond at a time.
  t.true(always > 900 && always < 1100, String(always));
  t.true(batched > 3 * always && lazy > batched, rates.join(', '));
});

test('the same seed gives the same sample', (t) => {
  for (const loss of ['none', 'all', 'voter'] as const) {
    const cell = cellOf('lazy', loss);
    t.deepEqual(trial(cell, 7), trial(cell, 7));
  }
});

// ---- Storages -----------------------------------------------------------------------------------

function entry(index: number) {
  return { index, term: 1, kind: 'noop' } as const;
}

function change(...indexes: number[]): PersistChange {
  return { termAndVote: null, truncateFrom: null, entries: indexes.map(entry), compactTo: null };
}

/** A storage that notes what it is given, and is done when it is told to. */
function noting(units: string[], dones: (() => void)[]): Storage {
  return {
    persist: (changes: readonly PersistChange[], done: (error: null) => void) => {
      units.push(changes.flatMap(({ entries }) => entries.map(({ index }) => index)).join());
      dones.push(() => done(null));
    },
  } as unknown as Storage;
}

test('one by one: a unit of three entries is three syncs, and done after the last', (t) => {
  const units: string[] = [];
  const dones: (() => void)[] = [];
  let isDone = false;
  oneByOne(noting(units, dones)).persist([change(1, 2), change(3)], () => {
    isDone = true;
  });
  for (const expected of ['1', '2', '3']) {
    t.is(units.at(-1), expected);
    t.false(isDone);
    dones.shift()?.();
  }
  t.true(isDone);
});

test('lazy: done at once, and on the disk with the next flush', (t) => {
  const units: string[] = [];
  const dones: (() => void)[] = [];
  const flushes: (() => void)[] = [];
  const storage = lazily(noting(units, dones), {
    accepted: (then) => then(),
    nextFlush: (then) => flushes.push(then),
  });
  let done = 0;
  storage.persist([change(1)], () => done++);
  storage.persist([change(2, 3)], () => done++);
  t.is(done, 2);
  t.deepEqual(units, []);
  flushes.shift()?.();
  t.deepEqual(units, ['1,2,3']);
  dones.shift()?.();
  t.is(flushes.length, 0, 'nothing is left to flush');
  storage.persist([change(4)], () => done++);
  flushes.shift()?.();
  t.is(units.at(-1), '4');
});

// ---- Report -------------------------------------------------------------------------------------

const LOSS: LossSample = { acknowledged: 10, lost: 0, oldestMs: 0, refusing: 0, behind: 0 };

function result(policy: Policy, loss: Loss, ...samples: Sample[]): Result {
  return { cell: cellOf(policy, loss), samples };
}

test('the report says what was found, either way', (t) => {
  const good = [
    result('batched', 'all', LOSS, LOSS),
    result('lazy', 'all', { ...LOSS, lost: 3, oldestMs: 4 }, LOSS),
  ];
  t.regex(verdictOf(good), /nothing was lost in any of 2 trials/);
  t.regex(verdictOf(good), /all in 1 of 2 trials/);
  t.notRegex(verdictOf(good), /against/);
  const bad = [result('batched', 'all', { ...LOSS, lost: 1, oldestMs: 1 }, LOSS)];
  t.regex(verdictOf(bad), /writes were lost in 1 of 2 trials \(against §3.8: batched/);
  t.regex(verdictOf([]), /Only costs/);
});

test('a sentence stands only where it was run, and where the data show it', (t) => {
  const shows = (...results: Result[]): string =>
    findings(results, { seed: 1, command: 'npm run experiment -- fsync' }).shows.join('\n');
  const all = (oldestMs: number): Result => result('lazy', 'all', { ...LOSS, lost: 3, oldestMs });
  t.is(shows(), '');
  t.regex(shows(all(19)), /less than a flush interval/);
  t.notRegex(shows(all(20)), /less than a flush interval/);
  t.notRegex(shows(result('lazy', 'all', LOSS)), /less than a flush interval/);
  t.notRegex(shows(all(19)), /no substitute/);
  t.regex(shows(all(19), result('lazy', 'leader', LOSS)), /no substitute/);
  t.notRegex(shows(all(19), result('lazy', 'leader', { ...LOSS, lost: 1 })), /no substitute/);

  const rate = (writesPerSecond: number): Result =>
    result('batched', 'none', { writesPerSecond, p50Ms: 1, p99Ms: 2 });
  const kept = result('batched', 'leader', LOSS);
  t.regex(
    shows(kept, rate(5000)),
    /^Group commit .* 5\.00k writes a second where .* takes 1\.00 ms\.$/,
  );
  t.is(shows(kept, rate(900)), '');
  t.is(shows(rate(5000)), '');
  t.is(shows(result('batched', 'leader', { ...LOSS, lost: 1 }), rate(5000)), '');
});

test('a small run makes a report without holes', (t) => {
  const results = (['batched', 'lazy'] as const).flatMap((policy) =>
    (['none', 'follower', 'all', 'voter'] as const).map((loss) => run(policy, loss, 2)),
  );
  const found = findings(results, { seed: 1, command: 'npm run experiment -- fsync' });
  t.notRegex(JSON.stringify(found), /NaN|undefined|Infinity/);
  t.true(found.figures.length > 0 && found.tables.length > 0);
  for (const { cell, samples } of results) {
    const metrics = study.metrics(samples, cell);
    for (const value of Object.values(metrics)) t.true(value === null || Number.isFinite(value));
  }
  t.is(nameOf(cellOf('lazy', 'all')), 'lazy, every 20 ms');
});
