/**
 * Shows that the study of servers that come back cuts one off, lets its term run ahead where
 * nothing holds it, and says what its data say.
 *
 *     npx ava test/study-disruptive-rejoin.test.ts
 */
import test from 'ava';
import { findings } from '../experiments/disruptive-rejoin/findings.ts';
import { expectedShare } from '../experiments/disruptive-rejoin/numbers.ts';
import {
  type Cell,
  VARIANT_NAMES,
  VARIANTS,
  WATCHED_MS,
  WHO,
  WRITES_PER_SECOND,
} from '../experiments/disruptive-rejoin/setup.ts';
import study from '../experiments/disruptive-rejoin/study.ts';
import { type Sample, trial } from '../experiments/disruptive-rejoin/trial.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';

const ABOUT = { seed: 1, command: 'npm run experiment -- disruptive-rejoin' };
const CELLS = WHO.flatMap((who) => VARIANT_NAMES.map((variant): Cell => ({ variant, who })));

function again({ variant, who }: Cell, seed: number): string {
  return `seed ${seed}: trial({ variant: '${variant}', who: '${who}' }, ${seed})`;
}

/** As many samples as asked for, of which so many were disrupted. */
function doctored(disrupted: (cell: Cell) => number, trials: number) {
  return CELLS.map((cell) => ({
    cell,
    samples: Array.from({ length: trials }, (_, i): Sample => {
      const isDisrupted = i < disrupted(cell);
      return {
        leaderChanges: Number(isDisrupted),
        terms: Number(isDisrupted),
        termsAhead: 0,
        longestOutageMs: isDisrupted ? 200 : 0,
        outageMs: isDisrupted ? 200 : 0,
        deposedAfterMs: isDisrupted ? 20 : null,
        longestGapMs: 200,
      };
    }),
  }));
}

test('a seed has one outcome, another seed another', (t) => {
  const cell = { variant: 'plain', who: 'removed' } as const;
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('a term runs ahead without PreVote, and deposes the leader unless nobody hears of it', (t) => {
  for (const cell of CELLS.filter(({ variant }) => variant !== 'checkquorum')) {
    const { leaderStickiness, preVote } = VARIANTS[cell.variant];
    for (let seed = 1; seed <= 3; seed++) {
      const { deposedAfterMs, termsAhead } = trial(cell, seed);
      // At least one term an election timeout of at most 300 ms.
      if (preVote) t.is(termsAhead, 0, again(cell, seed));
      else t.true(termsAhead >= 6, again(cell, seed));
      if (preVote && leaderStickiness) t.is(deposedAfterMs, null, again(cell, seed));
      const isHeard = cell.who !== 'removed' || !leaderStickiness;
      if (!preVote && isHeard) t.not(deposedAfterMs, null, again(cell, seed));
    }
  }
});

test('under load an outage is a gap between commits', (t) => {
  for (const who of ['behind', 'removed'] as const) {
    const cell = { variant: 'plain', who } as const;
    for (let seed = 1; seed <= 4; seed++) {
      const { longestGapMs, longestOutageMs, outageMs } = trial(cell, seed);
      const gapMs = longestGapMs ?? 0;
      t.true(gapMs >= longestOutageMs, again(cell, seed));
      t.true(gapMs - longestOutageMs < (2 * 1000) / WRITES_PER_SECOND, again(cell, seed));
      t.true(outageMs >= longestOutageMs && outageMs <= WATCHED_MS, again(cell, seed));
    }
  }
});

test('what should happen follows from the rules', (t) => {
  t.is(expectedShare({ variant: 'plain', who: 'level' }), 1);
  t.is(expectedShare({ variant: 'sticky', who: 'removed' }), 0);
  t.is(expectedShare({ variant: 'sticky', who: 'behind' }), 1);
  t.is(expectedShare({ variant: 'all', who: 'level' }), 0);
  const chance = expectedShare({ variant: 'prevote', who: 'level' });
  // Half a heartbeat interval of a mean timeout, less a round trip.
  t.true(chance > 0.1 && chance < 25 / 225, String(chance));
});

test('the verdict names the variants that keep the leader, and the worst of the others', (t) => {
  const asRuled = findings(
    doctored((cell) => Math.round(expectedShare(cell) * 100), 100),
    ABOUT,
  );
  t.regex(
    asRuled.verdict,
    /^A healthy leader is never deposed with PreVote and stickiness, or all three;/,
  );
  t.regex(
    asRuled.verdict,
    /100 % with plain, CheckQuorum, or stickiness, and in 11 % with PreVote/,
  );
  t.regex(asRuled.verdict, /21 of 21 shares are as the rules have it\.$/);
  const never = findings(
    doctored(() => 0, 50),
    ABOUT,
  );
  t.notRegex(never.verdict, /worst case/);
  t.regex(never.verdict, /; 11 of 21 shares/);
  const always = findings(
    doctored(() => 50, 50),
    ABOUT,
  );
  t.regex(always.verdict, /^A healthy leader is deposed with all of these variants; .* 8 of 21/);
});

test('a report of a few trials has no number that is none', (t) => {
  const results = CELLS.map((cell) => ({ cell, samples: [1].map((seed) => trial(cell, seed)) }));
  const found = findings(results, ABOUT);
  const text = reportMarkdown({
    ...found,
    name: 'disruptive-rejoin',
    question: study.question,
    complaints: [],
    provenance: [],
    command: ABOUT.command,
  });
  t.notRegex(text, /NaN|undefined|Infinity/);
  t.notRegex(found.figures.map(({ svg }) => svg).join(), /NaN|undefined|Infinity/);
  t.is(findings([], ABOUT).verdict, 'Nothing was measured.');
});
