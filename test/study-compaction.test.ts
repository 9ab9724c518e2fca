/**
 * Shows that the study of compaction runs clusters that compact their logs as often as it says, and
 * that its report says what the data say, what chance makes of them included.
 *
 *     npx ava test/study-compaction.test.ts
 */
import test from 'ava';
import { effectOf, type Result, stateText } from '../experiments/compaction/numbers.ts';
import { type Cell, MEASURED_MS, NEVER } from '../experiments/compaction/setup.ts';
import study from '../experiments/compaction/study.ts';
import { type Sample, trial } from '../experiments/compaction/trial.ts';
import { closeThreads } from '../lab/threads/pool.ts';
import { NOT_A_NUMBER, reportOf } from './support/study-report.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- compaction' };

const SAMPLE: Sample = {
  opsPerSecond: 10_000,
  latencyMsP50: 5,
  latencyMsP99: 20,
  latencyMsMax: 60,
  entriesPerSecond: 160,
  snapshots: 6,
  snapshotMs: [100, 120],
  takingShare: 0.4,
  timeline: [
    { atMs: 0, p99: 20 },
    { atMs: 50, p99: null },
    { atMs: 100, p99: 30 },
  ],
  taken: [{ fromMs: 0, toMs: 100 }],
};

/** One cell that compacts every 50 entries and one that never does, with these throughputs. */
function doctored(often: readonly number[], never: readonly number[]): Result[] {
  const cells: readonly (readonly [Cell, readonly number[]])[] = [
    [{ storage: 'sqlite', keys: 10_000, snapshotEntries: 50 }, often],
    [{ storage: 'sqlite', keys: 10_000, snapshotEntries: NEVER }, never],
  ];
  return cells.map(([cell, all]) => ({
    cell,
    samples: all.map((opsPerSecond) => ({ ...SAMPLE, opsPerSecond })),
  }));
}

test.after.always('threads end', () => closeThreads());

test.serial(
  'a log that is compacted often is compacted on every server while writes go on',
  async (t) => {
    const sample = await trial({ storage: 'memory', keys: 100, snapshotEntries: 5 }, 1);
    t.true(sample.opsPerSecond > 0);
    t.true(sample.entriesPerSecond > 0);
    t.true(sample.snapshots >= 3, `${sample.snapshots} snapshots`);
    t.true(sample.takingShare > 0 && sample.takingShare <= 1);
    t.true(
      sample.latencyMsP50 <= sample.latencyMsP99 && sample.latencyMsP99 <= sample.latencyMsMax,
    );
    for (const { fromMs, toMs } of sample.taken) t.true(fromMs >= 0 && toMs >= fromMs);
    t.true(sample.timeline.every(({ atMs }) => atMs >= 0 && atMs < MEASURED_MS));
  },
);

test.serial('a log that is never compacted sees no snapshot', async (t) => {
  const sample = await trial({ storage: 'memory', keys: 100, snapshotEntries: NEVER }, 1);
  t.deepEqual([sample.snapshots, sample.takingShare], [0, 0]);
});

test('a loss that chance could make is not told as one', (t) => {
  const clear = doctored([5000, 5100, 4900], [10_000, 10_100, 9900]);
  t.regex(
    study.findings(clear, ABOUT).verdict,
    /^To compact every 50 entries costs 50\.0 % .* of 10 MB; a .* takes 110 ms in the median/,
  );
  const unclear = doctored([5000, 15_000, 7000], [10_000, 4000, 16_000]);
  t.regex(study.findings(unclear, ABOUT).verdict, /no difference .* told from chance/);
  const more = doctored([20_000, 20_100], [10_000, 10_100]);
  t.regex(study.findings(more, ABOUT).verdict, /adds 99\.5 % to the throughput/);
});

test('percentiles of trials are told by their median and range, never averaged', (t) => {
  const results = doctored([5000, 5000, 5000], [10_000, 10_000, 10_000]).map((result) => ({
    cell: result.cell,
    samples: result.samples.map((sample, i) => ({
      ...sample,
      latencyMsP50: [1, 2, 30][i] ?? 0,
      latencyMsP99: [40, 50, 600][i] ?? 0,
      latencyMsMax: [70, 700, 80][i] ?? 0,
    })),
  }));
  const [often] = results;
  if (often === undefined) throw new RangeError('no cell');
  t.like(study.metrics(often.samples, often.cell), {
    latencyMsP50TrialsMedian: 2,
    latencyMsP50TrialsGreatest: 30,
    latencyMsP99TrialsLeast: 40,
    latencyMsP99TrialsMedian: 50,
    latencyMsP99TrialsGreatest: 600,
    latencyMsMax: 700,
  });
  const report = reportOf(study, results);
  for (const cell of ['2.00 (1.00 to 30.0)', '50.0 (40.0 to 600)', '80.0 (70.0 to 700)']) {
    t.true(report.includes(`| ${cell} |`), cell);
  }
  t.regex(report, /p99 of the trial in the middle is \*\*50\.0 ms\*\*/);
});

test('a sentence on what is shown stands only where the data show it', (t) => {
  const shows = (sample: Partial<Sample>, small: readonly number[] = []): string => {
    const [often] = doctored([5000, 5100], [10_000, 10_100]);
    if (often === undefined) throw new RangeError('no cell');
    const large = { ...often, samples: often.samples.map((own) => ({ ...own, ...sample })) };
    const tiny = {
      cell: { ...often.cell, keys: 100 },
      samples: small.map((ms) => ({ ...SAMPLE, snapshotMs: [ms] })),
    };
    return study.findings([large, tiny], ABOUT).shows.join('\n');
  };
  t.regex(shows({}), /beside all else.* takes 110 ms in the median, .* writes took 60\.0 ms\.$/);
  t.notRegex(shows({ latencyMsMax: 200 }), /beside all else/);
  t.regex(shows({}, [10, 12]), /grows with the state: 11\.0 ms with 0\.1 MB, 110 ms with 10 MB/);
  t.notRegex(shows({}, [150]), /grows with the state/);
  t.regex(shows({ takingShare: 0.95 }), /without a pause.* 95\.0 % of the time/);
  t.notRegex(shows({}), /without a pause/);
  t.is(study.findings([], ABOUT).shows.length, 0);
});

test('without a log that is never compacted nothing is compared', (t) => {
  const [often] = doctored([5000, 5100], []);
  if (often === undefined) throw new RangeError('no cell');
  t.is(effectOf([often], often), null);
  t.regex(study.findings([often], ABOUT).verdict, /^Nothing was compared/);
});

test('the report has no number that is none, whatever is missing', (t) => {
  t.notRegex(reportOf(study, doctored([5000, 5100], [10_000, 10_100])), NOT_A_NUMBER);
  t.notRegex(reportOf(study, doctored([5000], [10_000])), NOT_A_NUMBER);
  t.notRegex(reportOf(study, doctored([], [10_000])), NOT_A_NUMBER);
  t.notRegex(reportOf(study, doctored([], [])), NOT_A_NUMBER);
  t.notRegex(reportOf(study, []), NOT_A_NUMBER);
});

test('a state is told in megabytes', (t) => {
  t.deepEqual(
    [100, 1000, 10_000].map((keys) => stateText({ keys })),
    ['0.1 MB', '1 MB', '10 MB'],
  );
});
