/**
 * Shows that the study of loss sets its links up as it says, that loss costs what it must, and that
 * the report says what its data say.
 *
 *     npx ava test/study-loss.test.ts
 */
import test from 'ava';
import { findings } from '../experiments/loss/findings.ts';
import { goodput as goodputOf, perSecond, type Result } from '../experiments/loss/measures.ts';
import study from '../experiments/loss/study.ts';
import { type Cell, linkOf, NETEM_LOSS, type Sample, trial } from '../experiments/loss/trial.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';
import { checkLinkSettings } from '../src/transport/link.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- loss' };
const PLAIN: Cell = { pattern: 'independent', loss: 0, nodes: 3, outstanding: 1 };

function goodput(cell: Cell, seed: number): number {
  return perSecond([trial(cell, seed)]) ?? 0;
}

/** Two cells whose runs lost so much, and elected so late. */
function doctored(acknowledged: number, electionMs: number): Result[] {
  const sample = (writes: number, ms: number): Sample => ({
    acknowledged: writes,
    unanswered: 0,
    loadedMs: 1000,
    loadedChanges: 0,
    idleChanges: 0,
    electionsMs: [ms, ms, ms],
  });
  return [
    { cell: PLAIN, samples: [sample(400, 200), sample(400, 200)] },
    {
      cell: { ...PLAIN, loss: 0.4 },
      samples: [sample(acknowledged, electionMs), sample(acknowledged, electionMs)],
    },
  ];
}

test('a seed has one outcome, another seed another', (t) => {
  const cell = { ...PLAIN, loss: NETEM_LOSS };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('without loss a write takes a round trip and a disk’s write, and the leader stays', (t) => {
  const { idleChanges, loadedChanges } = trial(PLAIN, 3);
  const rate = goodput(PLAIN, 3);
  t.true(rate > 1000 / 2.3 && rate < 1000 / 2.1, `seed 3: ${rate} a second`);
  t.is(idleChanges + loadedChanges, 0);
});

test('every lost message costs goodput', (t) => {
  for (const seed of [1, 2]) {
    const [none, some, many] = [0, 0.1, 0.4].map((loss) => goodput({ ...PLAIN, loss }, seed));
    const words = `seed ${seed}: ${none}, ${some}, ${many}`;
    t.true((none ?? 0) > 1.2 * (some ?? 0), words);
    t.true((some ?? 0) > 3 * (many ?? 0), words);
  }
});

test('the netem recipe slows a cluster down, and leaves it safe and able to elect', (t) => {
  const cell: Cell = { pattern: 'netem', loss: NETEM_LOSS, nodes: 3, outstanding: 4 };
  const { acknowledged, electionsMs } = trial(cell, 5);
  t.true(acknowledged > 50, `seed 5: ${acknowledged} writes`);
  t.true(
    electionsMs.every((ms) => ms > 0 && ms < 30_000),
    `seed 5: ${electionsMs}`,
  );
});

test('the patterns are links that the lab has, and each is a cell once', (t) => {
  const { pattern, loss } = study.factors;
  for (const how of pattern.values) {
    for (const share of loss.values)
      t.is(checkLinkSettings(linkOf({ pattern: how, loss: share })), null);
  }
  t.true(study.isCell?.({ ...PLAIN, pattern: 'netem', loss: NETEM_LOSS }));
  t.false(study.isCell?.({ ...PLAIN, pattern: 'netem', loss: 0.1 }));
  t.false(study.isCell?.({ ...PLAIN, pattern: 'burst 5' }));
});

test('the verdict tells what is left of writes and how long elections take', (t) => {
  const mild = findings(doctored(200, 300), ABOUT).verdict;
  t.regex(
    mild,
    /^With 40 % .* 3 servers keep 50\.0 % .* in 300 ms in the median instead of 200 ms/,
  );
  t.regex(findings(doctored(4, 9000), ABOUT).verdict, /keep 1\.0 % .* in 9000 ms/);
  t.regex(mild, /all 4 runs that came to their end were linearizable/);
  t.is(findings([], ABOUT).verdict, 'No run came to its end.');
});

test('goodput is writes over time, and trials that take longer weigh more', (t) => {
  const [short, long] = [doctored(400, 200)[1]?.samples[0], doctored(100, 200)[1]?.samples[0]];
  if (short === undefined || long === undefined) throw new Error('there are samples');
  const { high = 0, low = 0, value = 0 } = goodputOf([short, { ...long, loadedMs: 3000 }], 1) ?? {};
  t.is(value, 125);
  t.true(low >= 100 / 3 && low < value && high > value && high <= 400, `${low} to ${high}`);
  t.deepEqual(goodputOf([short], 1), { value: 400 });
  t.is(goodputOf([], 1), null);
});

test('elections that nobody won are told', (t) => {
  t.regex(
    findings(doctored(4, 60_000), ABOUT).headline.join(' '),
    /\*\*6\*\* elections had no winner/,
  );
});

test('a sentence stands only where it was run, and where the data show it', (t) => {
  const of = (cell: Partial<Cell>, more: Partial<Sample>): Result => {
    const [{ samples } = { samples: [] }] = doctored(400, 200);
    return {
      cell: { ...PLAIN, ...cell },
      samples: samples.map((sample) => ({ ...sample, ...more })),
    };
  };
  const shows = (...results: Result[]): string => findings(results, ABOUT).shows.join('\n');
  const [none, lossy] = [of({}, {}), of({ loss: NETEM_LOSS }, { acknowledged: 20 })];
  const slow = { electionsMs: [900, 900, 900] };

  t.is(shows(), '');
  t.is(shows(none), '');
  t.is(shows(none, of({ loss: NETEM_LOSS }, {})), '');
  t.regex(shows(none, lossy), /^Servers repeat .* takes 50\.0 ms .* 33 % are lost, and 2\.50 ms/);
  t.regex(shows(none, of({ loss: 0.2 }, slow)), /3 servers need both that are left\.$/);
  const five = (electionMs: number): Result =>
    of({ loss: 0.2, nodes: 5 }, { electionsMs: [electionMs, electionMs, electionMs] });
  t.regex(shows(none, of({ loss: 0.2 }, slow), five(300)), /900 ms of 3 and 300 ms of 5/);
  t.notRegex(shows(none, of({ loss: 0.2 }, slow), five(950)), /of 5/);

  const burst = (idleChanges: number): Result =>
    of({ pattern: 'burst 5', loss: NETEM_LOSS }, { idleChanges });
  t.regex(shows(none, lossy, burst(2)), /bursts silence .*: 6 times a minute .*, 0 where/);
  t.notRegex(shows(none, lossy, burst(0)), /bursts/);
  const recipe = of({ pattern: 'netem', loss: NETEM_LOSS }, { acknowledged: 10 });
  t.regex(shows(none, lossy, recipe), /1 outstanding there are 10 a second, and 20 where/);
  t.notRegex(shows(none, lossy, recipe), /milder/);
  t.regex(shows(of({ loss: NETEM_LOSS }, { idleChanges: 4 }), recipe), /milder than its loss/);
  t.notRegex(shows(none, lossy, of(recipe.cell, {})), /Writes notice/);
  const setup = findings([none, lossy], ABOUT).setup.map(([name]) => name);
  t.false(setup.includes('bursts') || setup.includes('netem'));
});

test('a tiny study makes a whole report', (t) => {
  const cells: Cell[] = [
    PLAIN,
    { ...PLAIN, loss: 0.05 },
    { ...PLAIN, loss: NETEM_LOSS, pattern: 'netem' },
  ];
  const results = cells.map((cell) => ({ cell, samples: [trial(cell, 1)] }));
  const empty = { cell: { ...PLAIN, loss: 0.4 }, samples: [] };
  for (const some of [[...results, empty], results.slice(2)]) {
    const found = findings(some, ABOUT);
    const head = { name: 'loss', question: study.question, complaints: [], provenance: [] };
    const text = reportMarkdown({ ...head, command: ABOUT.command, ...found });
    t.notRegex(text + found.figures.map(({ svg }) => svg).join(''), /NaN|undefined|Infinity/);
  }
});
