/**
 * Shows that the study of quorum sizes crashes as many servers as it says, that a majority alone
 * decides what is served, and that the report says what its data say.
 *
 *     npx ava test/study-quorum-sizes.test.ts
 */
import test from 'ava';
import { commitMs, isWithin, recoveryMs } from '../experiments/quorum-sizes/expected.ts';
import { findings } from '../experiments/quorum-sizes/findings.ts';
import { bears, exceptionsOf, type Result } from '../experiments/quorum-sizes/numbers.ts';
import {
  BIN_MS,
  type Cell,
  EARLY_MS,
  ELECTION_TIMEOUT_MS,
  hasMajority,
  KINDS,
  type Kind,
  shouldServe,
} from '../experiments/quorum-sizes/setup.ts';
import study from '../experiments/quorum-sizes/study.ts';
import { type Sample, trial } from '../experiments/quorum-sizes/trial.ts';
import { reportMarkdown } from '../lab/report/content-markdown.ts';

const CELLS: readonly Cell[] = [1, 2, 3, 4].flatMap((nodes) =>
  Array.from({ length: nodes + 1 }, (_, failed) => ({ nodes, failed })),
);

function again({ failed, nodes }: Cell, seed: number): string {
  return `seed ${seed}: trial({ nodes: ${nodes}, failed: ${failed} }, ${seed})`;
}

function perKind<T>(of: (kind: Kind) => T): Record<Kind, T> {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, T>;
}

/** As it should be, but for what `served` says of how many of ten requests. */
function doctored(served: (kind: Kind, cell: Cell) => number): Result[] {
  return CELLS.map((cell) => {
    const sample: Sample = {
      leaderFailed: cell.failed > 0,
      served: perKind((kind) => served(kind, cell)),
      asked: 10,
      early: perKind(() => [false, true]),
      recoveredMs: hasMajority(cell) && cell.failed > 0 ? 180 : null,
      restoredMs: hasMajority(cell) ? null : 190,
      latenciesMs: cell.failed === 0 ? [commitMs(cell.nodes, 0.5)] : [],
    };
    return { cell, samples: [sample] };
  });
}

const asShould = (kind: Kind, cell: Cell): number => (shouldServe(kind, cell) ? 10 : 0);

test('a seed has one outcome, another seed another', (t) => {
  const cell = { nodes: 3, failed: 1 };
  t.deepEqual(trial(cell, 7), trial(cell, 7));
  t.notDeepEqual(trial(cell, 7), trial(cell, 8));
});

test('whatever promises to be current is served just where a majority is up', (t) => {
  for (const cell of CELLS) {
    for (let seed = 1; seed <= 3; seed++) {
      const sample = trial(cell, seed);
      t.deepEqual(exceptionsOf({ cell, samples: [sample] }), [], again(cell, seed));
      t.is(sample.restoredMs === null, hasMajority(cell), again(cell, seed));
      if (cell.failed === cell.nodes) t.true(sample.leaderFailed, again(cell, seed));
    }
  }
});

test('who loses its leader waits for an election, and who keeps it for nothing', (t) => {
  const cell = { nodes: 5, failed: 2 };
  const seen = new Set<boolean>();
  for (let seed = 1; seed <= 12; seed++) {
    const { leaderFailed, recoveredMs } = trial(cell, seed);
    seen.add(leaderFailed);
    if (leaderFailed) t.true((recoveredMs ?? 0) > ELECTION_TIMEOUT_MS[0] - 10, again(cell, seed));
    else t.true((recoveredMs ?? 1e9) < 10, again(cell, seed));
  }
  t.is(seen.size, 2);
});

test('a leader that is left alone answers lease reads until its lease runs out', (t) => {
  const cell = { nodes: 3, failed: 2 };
  let left = 0;
  for (let seed = 1; seed <= 8; seed++) {
    const { early, leaderFailed } = trial(cell, seed);
    t.is(early.lease.length, EARLY_MS / BIN_MS);
    if (leaderFailed) continue;
    left++;
    const lastServed = early.lease.lastIndexOf(true) * BIN_MS;
    t.true(lastServed >= 80 && lastServed < ELECTION_TIMEOUT_MS[0], again(cell, seed));
    t.false(early.linearizable.includes(true) || early.write.includes(true), again(cell, seed));
  }
  t.true(left > 0);
});

test('an even number waits for one more, and more servers recover sooner', (t) => {
  t.is(commitMs(1, 0.5), 0);
  for (const even of [4, 6, 8]) t.true(commitMs(even, 0.5) > commitMs(even - 1, 0.5));
  // Half of the sums of two draws lie below their mean; of two servers one has to answer.
  t.true(Math.abs(commitMs(2, 0.5) - 2) < 1e-6);
  t.true(recoveryMs(8, 0.5) < recoveryMs(2, 0.5));
  t.true(recoveryMs(2, 0.9) < ELECTION_TIMEOUT_MS[1]);
});

test('the verdict counts the cells, and names those that are otherwise', (t) => {
  const right = findings(doctored(asShould));
  t.regex(right.verdict, /: in 14 of 14 cells\.$/);
  t.regex(right.headline.join(' '), /\*\*4 servers bear 1 failure, as 3 do\*\*/);
  const wrong = doctored((kind, cell) => {
    const isOdd = kind === 'lease' && cell.nodes === 3 && cell.failed === 2;
    return isOdd ? 1 : asShould(kind, cell);
  });
  const { tables, verdict } = findings(wrong);
  t.regex(verdict, /in 13 of 14 cells; not with 2 of 3 failed \(lease reads\)\.$/);
  const tones = tables[0]?.rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? '' : cell.tone)),
  );
  t.is(tones?.flat().filter((tone) => tone === 'bad').length, 1);
});

test('an interval is outside only if it is so as a whole', (t) => {
  t.true(isWithin({ value: 194, low: 179, high: 249 }, 181));
  t.true(isWithin({ value: 112, low: 104, high: 120 }, 100));
  t.false(isWithin({ value: 112, low: 106, high: 120 }, 100));
  t.false(isWithin({ value: 88, low: 80, high: 94 }, 100));
  t.true(isWithin({ value: 0, low: 0, high: 0 }, 0));
});

test('the report says only what the data bear out', (t) => {
  const shown = (results: readonly Result[]): string => findings(results).shows.join('\n');
  const both = (servedMs: (cell: Cell, leaderFailed: boolean) => number): Result[] =>
    doctored(asShould).map(({ cell, samples }) => {
      const own = [true, false].flatMap((leaderFailed) => {
        const times = hasMajority(cell) && cell.failed > 0 ? servedMs(cell, leaderFailed) : null;
        const early = { ...perKind(() => [false, false]), lease: [true, false] };
        const sample = { leaderFailed, early, recoveredMs: times };
        return Array.from({ length: 10 }, () => samples.map((each) => ({ ...each, ...sample })));
      });
      return { cell, samples: own.flat() };
    });
  const soon = both(({ failed, nodes }, failedLeader) =>
    failedLeader ? recoveryMs(nodes - failed, 0.5) : 2,
  );
  t.regex(shown(soon), /depends on how many servers are up and on nothing else/);
  t.regex(shown(soon), /depends on whether the leader failed/);
  t.regex(shown(soon), /more servers are left without a leader, the sooner/);
  t.regex(shown(soon), /A lease outlives the quorum/);
  const alike = both(() => 180);
  t.notRegex(shown(alike), /depends on whether the leader failed/);
  t.notRegex(shown(alike), /more servers are left/);
  const odd = doctored((kind, cell) => (kind === 'lease' ? 10 : asShould(kind, cell)));
  t.notRegex(shown(odd), /on nothing else/);
  t.notRegex(shown(odd), /A lease outlives/);
  t.deepEqual(findings([]).shows, []);
});

test('a size bears as many failures as leave every write served', (t) => {
  const results = doctored(asShould);
  t.deepEqual(
    [1, 2, 3, 4].map((nodes) => bears(results, nodes)),
    [0, 0, 1, 1],
  );
  t.is(bears(results, 9), null);
});

test('a report of a few trials has no number that is none', (t) => {
  const results = CELLS.map((cell) => ({ cell, samples: [trial(cell, 1)] }));
  const found = findings(results);
  const text = reportMarkdown({
    ...found,
    name: 'quorum-sizes',
    question: study.question,
    complaints: [],
    provenance: [],
    command: 'npm run experiment -- quorum-sizes',
  });
  t.notRegex(text, /NaN|undefined|Infinity/);
  t.notRegex(found.figures.map(({ svg }) => svg).join(), /NaN|undefined|Infinity/);
  t.is(findings([]).verdict, 'Nothing was measured.');
});
