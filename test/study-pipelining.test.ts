/**
 * Shows that the study of pipelining measures what window and batch allow in a round trip, and says
 * what its data say.
 *
 *     npx ava test/study-pipelining.test.ts
 */
import test from 'ava';
import { ceilingOf, floorOf, type Result, TOLERANCE } from '../experiments/pipelining/bounds.ts';
import { findings } from '../experiments/pipelining/findings.ts';
import study from '../experiments/pipelining/study.ts';
import { type Cell, OUTSTANDING, type Sample, trial } from '../experiments/pipelining/trial.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- pipelining' };
const SLOW_LINK: Cell = { windowMessages: 4, batch: 4, delayMs: 10, diskMs: 0.1 };

/** Every cell of a small study at a share of its ceiling. */
function doctored(share: number): Result[] {
  return [1, 128].flatMap((windowMessages) =>
    [1, 16].map((batch): Result => {
      const cell = { windowMessages, batch, delayMs: 10, diskMs: 1 };
      const perSecond = ceilingOf(cell) * share;
      const sample: Sample = { perSecond, latenciesMs: [(OUTSTANDING * 1000) / perSecond] };
      return { cell, samples: [sample, sample, sample] };
    }),
  );
}

test('a seed has one outcome, another seed another', (t) => {
  t.deepEqual(trial(SLOW_LINK, 7), trial(SLOW_LINK, 7));
  t.notDeepEqual(trial(SLOW_LINK, 7), trial(SLOW_LINK, 8));
});

test('a window of one without batching serves a command in each round trip', (t) => {
  const { perSecond } = trial({ ...SLOW_LINK, windowMessages: 1, batch: 1 }, 3);
  t.true(Math.abs(perSecond / (1000 / 20.1) - 1) < 0.02, `seed 3: ${perSecond}`);
});

test('on a slow link window and batch are worth the same', (t) => {
  const wide = trial({ ...SLOW_LINK, windowMessages: 16, batch: 1 }, 3).perSecond;
  const batched = trial({ ...SLOW_LINK, windowMessages: 1, batch: 16 }, 3).perSecond;
  t.true(Math.abs(wide / batched - 1) < 0.05, `seed 3: ${wide} and ${batched}`);
});

test('throughput lies between its floor and its ceiling, whatever the limit', (t) => {
  for (const windowMessages of [1, 16, 128]) {
    for (const diskMs of [0.1, 10]) {
      const cell = { windowMessages, batch: 16, delayMs: 1, diskMs };
      const { perSecond } = trial(cell, 5);
      const words = `seed 5, window ${windowMessages}, disk ${diskMs} ms: ${perSecond}`;
      t.true(perSecond <= ceilingOf(cell) * (1 + TOLERANCE), words);
      t.true(perSecond >= floorOf(cell) * (1 - TOLERANCE), words);
    }
  }
});

test('latency is what is outstanding over throughput, by Little’s law', (t) => {
  const { latenciesMs, perSecond } = trial({ ...SLOW_LINK, windowMessages: 16 }, 3);
  const mean = latenciesMs.reduce((a, b) => a + b, 0) / latenciesMs.length;
  t.true(Math.abs((mean * perSecond) / 1000 / OUTSTANDING - 1) < 0.05, `seed 3: ${mean} ms`);
});

test('the verdict counts the cells at their ceiling, and tells those outside', (t) => {
  t.regex(findings(doctored(1), ABOUT).verdict, /^Throughput is .*: of 4 cells 4 reach 90 %/);
  t.regex(findings(doctored(0.7), ABOUT).verdict, /of 4 cells 0 reach .* but 3 lie outside\.$/);
  t.regex(findings(doctored(1.3), ABOUT).verdict, /^It does not hold .* but 4 lie outside\.$/);
  t.is(findings([], ABOUT).verdict, 'Nothing was measured.');
});

test('a tiny study makes a whole report', (t) => {
  const results = [1, 4].map((windowMessages) => {
    const cell = { ...SLOW_LINK, windowMessages };
    return { cell, samples: [trial(cell, 1)] };
  });
  for (const some of [results, results.slice(1)]) {
    const found = findings(some, ABOUT);
    const head = { name: 'pipelining', question: study.question, complaints: [], provenance: [] };
    const text = reportMarkdown({ ...head, command: ABOUT.command, ...found });
    t.notRegex(text + found.figures.map(({ svg }) => svg).join(''), /NaN|undefined|Infinity/);
  }
});
