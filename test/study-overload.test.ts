/**
 * Shows that the study of overload offers what it says, that a leader that refuses recovers where
 * one that takes everything does not, and that the report says what its data say.
 *
 *     npx ava test/study-overload.test.ts
 */
import test from 'ava';
import { findings } from '../experiments/overload/findings.ts';
import { inTimeShare, latencyIn, PARTS, type Result } from '../experiments/overload/measures.ts';
import study from '../experiments/overload/study.ts';
import {
  BYTES_PER_SECOND,
  type Cell,
  type Sample,
  trial,
  VALUE_BYTES,
} from '../experiments/overload/trial.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- overload' };
const REFUSING: Cell = { backPressure: 'refusal', retries: 'patient' };
const QUEUING: Cell = { backPressure: 'window', retries: 'patient' };
const SEED = 7;

const refusing = trial(REFUSING, SEED);
const queuing = trial(QUEUING, SEED);

function doctored(refusalMs: number | null, noneMs: number | null): Result[] {
  const sample = (recoveryMs: number | null): Sample => ({ ...refusing, recoveryMs });
  return [
    { cell: REFUSING, samples: [sample(refusalMs), sample(500)] },
    { cell: { ...REFUSING, backPressure: 'none' }, samples: [sample(noneMs), sample(null)] },
  ];
}

test('a seed has one outcome, another seed another', (t) => {
  t.deepEqual(trial(REFUSING, SEED), refusing);
  t.notDeepEqual(trial(REFUSING, SEED + 1), refusing);
});

test('the capacity is what the link carries of such writes', (t) => {
  const most = BYTES_PER_SECOND / VALUE_BYTES;
  const { capacityPerSecond } = refusing;
  t.true(capacityPerSecond < most && capacityPerSecond > 0.85 * most, `${capacityPerSecond}`);
});

test('calls come at half the capacity, at twice, and at half again', (t) => {
  const { capacityPerSecond, seconds } = refusing;
  const rates = [2, 10, 40].map((second) => (seconds[second]?.called ?? 0) / capacityPerSecond);
  for (const [i, expected] of [0.5, 2, 0.5].entries()) {
    t.true(Math.abs((rates[i] ?? 0) - expected) < 0.05, `part ${i}: ${rates[i]}`);
  }
});

test('a leader that refuses recovers at once, one that queues works for nobody', (t) => {
  const words = `seed ${SEED}: ${refusing.recoveryMs} and ${queuing.recoveryMs} ms`;
  t.true((refusing.recoveryMs ?? Number.POSITIVE_INFINITY) < 3000, words);
  t.true((queuing.recoveryMs ?? Number.POSITIVE_INFINITY) > 10_000, words);
  t.true(refusing.usefulShare > 0.95 && queuing.usefulShare < 0.5, words);
});

test('in time are all calls before the overload, and few of them during it', (t) => {
  t.is(inTimeShare([queuing], PARTS.before), 1);
  t.true((inTimeShare([queuing], PARTS.overload) ?? 1) < 0.2);
  t.is(latencyIn([queuing], PARTS.overload, 0.99), null);
  t.true((latencyIn([queuing], PARTS.before, 0.99) ?? 0) > 0);
});

test('results tell no latency of an overload in which calls got no answer', (t) => {
  t.like(study.metrics([queuing], QUEUING), { latencyMsP99Overload: null });
  const whole = {
    ...queuing,
    capacityPerSecond: queuing.capacityPerSecond + 2,
    seconds: queuing.seconds.map(() => ({ called: 2, answered: 2, latenciesMs: [10, 20] })),
  };
  t.like(study.metrics([whole], QUEUING), { latencyMsP99Overload: 20 });
  const { capacityPerSecond } = study.metrics([queuing, whole], QUEUING);
  t.is(capacityPerSecond, queuing.capacityPerSecond + 1);
});

test('a sentence stands only where it was run, and where the data show it', (t) => {
  const of = (cell: Cell, more: Partial<Sample>): Result => {
    return { cell, samples: [{ ...queuing, ...more }] };
  };
  const none = of({ ...QUEUING, backPressure: 'none' }, { usefulShare: 0.3, leaderChanges: 4 });
  const window = of(QUEUING, { usefulShare: 0.4, leaderChanges: 1 });
  const eager = of({ ...QUEUING, retries: 'eager' }, { recoveryMs: null, leaderChanges: 1 });
  const refusal = of(REFUSING, { usefulShare: 0.95 });
  const shows = (...results: Result[]): string => findings(results, ABOUT).shows.join('\n');
  t.is(shows(), '');
  t.regex(shows(none), /^A queue that refuses nothing.* 70\.0 % .*\n.* changed 4 times/);
  t.notRegex(shows(none), /window|refusal |eager|metastable/);
  t.regex(shows(none, window), /changed 1 times in the mean instead of 4\..* 60\.0 % of/);
  t.notRegex(shows(none, of(QUEUING, { leaderChanges: 5 })), /window/);
  t.regex(shows(eager), /metastable failure: 1 of 1 trials with eager clients/);
  t.notRegex(shows(of(eager.cell, { recoveryMs: 5 })), /metastable/);
  t.regex(shows(refusal), /^A refusal tells .* 95\.0 % of the entries\.$/);
  t.is(shows(of(REFUSING, { usefulShare: 0.6 })), '');
  const setup = findings([none], ABOUT).setup.map(([name]) => name);
  t.true(setup.includes('no bound') && !setup.includes('window') && !setup.includes('refusal'));
});

test('the verdict counts the trials that recover in time', (t) => {
  const verdict = (refusalMs: number | null, noneMs: number | null): string =>
    findings(doctored(refusalMs, noneMs), ABOUT).verdict;
  t.regex(
    verdict(800, null),
    /^With refusals 2 of 2 .*; without back-pressure 0 of 2 trials do\.$/,
  );
  t.regex(verdict(null, 10_000), /^With refusals 1 of 2 .*; without back-pressure 1 of 2/);
  t.regex(verdict(10_001, null), /^With refusals 1 of 2/);
  t.is(findings([], ABOUT).verdict, 'No trial came to its end.');
});

test('a tiny study makes a whole report', (t) => {
  const results = [
    { cell: REFUSING, samples: [refusing] },
    { cell: QUEUING, samples: [queuing] },
  ];
  for (const some of [results, results.slice(1)]) {
    const found = findings(some, ABOUT);
    const head = { name: 'overload', question: study.question, complaints: [], provenance: [] };
    const text = reportMarkdown({ ...head, command: ABOUT.command, ...found });
    t.notRegex(text + found.figures.map(({ svg }) => svg).join(''), /NaN|undefined|Infinity/);
  }
});
