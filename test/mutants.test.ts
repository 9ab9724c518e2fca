/**
 * Shows that the mutants are what they say: each fits the source and still parses, one that does
 * not fit is an error that says so, a worker runs with its mutant and no other, and the simulator
 * finds some of them at once and nothing in the code as it is.
 *
 *     npx ava test/mutants.test.ts
 */
import { stripTypeScriptTypes } from 'node:module';
import { Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { parseArguments } from '../lab/mutants/arguments.ts';
import { MUTANTS, mutantNamed } from '../lab/mutants/catalogue.ts';
import { complaintsOf, documentOf, summariesOf } from '../lab/mutants/document.ts';
import { Hunter } from '../lab/mutants/hunter.ts';
import type { Mutant } from '../lab/mutants/mutant.ts';
import { medianInterval } from '../lab/mutants/order-statistics.ts';
import { checkMutants, patched, StaleMutant, sourceOf } from '../lab/mutants/patch.ts';
import { documentText, terminalTable } from '../lab/mutants/report.ts';
import { type Found, type GroupResult, groupsOf, runGroups } from '../lab/mutants/search.ts';
import { OWN_COMMANDS, type OwnContext } from '../lab/sweep/own-commands.ts';
import { UserError } from '../src/user-error.ts';

// ---- The catalogue and the source ----

test('mutants have names of their own and a place in src', (t) => {
  t.is(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, file, what, knownFrom, replace } of MUTANTS) {
    t.regex(name, /^[a-z]+(-[a-z]+)*$/);
    t.regex(file, /^src\//, name);
    t.regex(what, /^[A-Z].*\.$/, name);
    t.true(knownFrom.length > 0 && replace.length > 0, name);
  }
});

for (const mutant of MUTANTS) {
  test(`${mutant.name} fits the source, changes it, and parses`, (t) => {
    const source = sourceOf(mutant);
    const text = patched(mutant, source);
    t.not(text, source);
    t.notThrows(() => stripTypeScriptTypes(text));
  });
}

test('a text that the source no longer has, or has twice, is an error that says so', (t) => {
  const [mutant] = MUTANTS as [Mutant];
  const gone = { ...mutant, replace: [{ find: 'no such text', with: '' }] };
  const error = t.throws(() => checkMutants([gone]), { instanceOf: StaleMutant });
  const says =
    `the text of mutant ${mutant.name} no longer matches ${mutant.file}: ` +
    'adapt lab/mutants/catalogue.ts ("no such text")';
  t.is(error?.message, says);
  const twice = { ...mutant, replace: [{ find: 'a', with: 'b' }] };
  t.throws(() => patched(twice, 'a, a'), { message: /matches 2 times in/ });
});

// ---- Loading ----

/** What a thread with this mutant loads; `null` is no mutant. */
function loadedIn(mutant: string | null): Promise<unknown> {
  const at = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const code = `
    import { parentPort } from 'node:worker_threads';
    const mutant = ${JSON.stringify(mutant)};
    let isLoaded = () => 'no mutant';
    if (mutant !== null) {
      const { mutantNamed } = await import(${at('../lab/mutants/catalogue.ts')});
      const { loadMutant } = await import(${at('../lab/mutants/patch.ts')});
      isLoaded = loadMutant(mutantNamed(mutant));
    }
    const before = isLoaded();
    const { voteResult } = await import(${at('../src/raft/quorum.ts')});
    const configuration = { voters: ['a', 'b', 'c', 'd'], outgoing: [], learners: [] };
    const result = voteResult(configuration, { a: true, b: true });
    parentPort.postMessage({ before, after: isLoaded(), result });`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const worker = new Worker(url);
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

test('a thread has its mutant and no other', async (t) => {
  const [with_, without, other] = await Promise.all([
    loadedIn('quorum-of-half'),
    loadedIn(null),
    loadedIn('session-forgotten'),
  ]);
  t.deepEqual(with_, { before: false, after: true, result: 'won' });
  t.deepEqual(without, { before: 'no mutant', after: 'no mutant', result: 'pending' });
  t.deepEqual(other, { before: false, after: false, result: 'pending' });
});

// ---- Searches ----

const CHEAP = 'voted-for-reset-on-append,apply-before-commit,leader-counts-itself-before-persist';

test('cheap mutants are caught, their schedules shrink, and the clean code passes', async (t) => {
  const request = parseArguments(
    ['--only', `${CHEAP},none`, '--profile', 'lite', '--repeats', '2', '--seeds', '20'],
    100,
  );
  if (request.kind !== 'run') throw new Error('a run was asked for');
  const plan = {
    ...request.plan,
    clean: [{ profile: 'lite', seeds: 20 }] as const,
    shrinkRuns: 30,
  };
  const ended: string[] = [];
  const { signal } = new AbortController();
  const results = await runGroups(groupsOf(plan), plan, signal, ({ mutant }) => {
    ended.push(mutant);
  });
  t.deepEqual(ended.toSorted(), [...CHEAP.split(','), 'none'].toSorted());
  const document = documentOf(results);
  t.deepEqual(complaintsOf(document), []);
  t.is(document.rows.length, 3 * 2 + 1);
  for (const { mutant, found, shrunk } of results) {
    if (mutant === 'none') continue;
    t.true(
      found.every(({ result }) => result.caught !== null),
      mutant,
    );
    const before = found[0]?.result.caught?.schedule;
    t.true((shrunk?.schedule.operations.length ?? 0) < (before?.operations.length ?? 0), mutant);
  }
});

test('an aborted search ends with its reason', async (t) => {
  const request = parseArguments(['--only', 'none'], 100);
  if (request.kind !== 'run') throw new Error('a run was asked for');
  const controller = new AbortController();
  const running = runGroups(groupsOf(request.plan), request.plan, controller.signal, () => {});
  setTimeout(() => controller.abort(), 50);
  await t.throwsAsync(running, { name: 'AbortError' });
});

test('a mutant that loops for ever is caught as a hang, and the next search goes on', async (t) => {
  const loops: Mutant = {
    name: 'loops',
    what: 'The run of seed 3 never ends.',
    knownFrom: 'nowhere',
    file: 'lab/sim/run.ts',
    replace: [{ find: '  return new', with: '  if (schedule.seed === 3) for (;;);\n  return new' }],
  };
  const hunter = new Hunter([loops], 15_000, new AbortController().signal);
  const first = await hunter.hunt({ profile: 'lite', from: 1, count: 10 });
  t.is(first.seedsRun, 3);
  t.like(first.caught, { seed: 3, violation: { property: 'hang' } });
  t.is(first.caught?.schedule.seed, 3);
  const second = await hunter.hunt({ profile: 'lite', from: 4, count: 2 });
  t.like(second, { seedsRun: 2, caught: null });
  await hunter.close();
});

// ---- What is made of them ----

const VIOLATION = { property: 'Election Safety', message: 'two leaders', atMs: 1 };

function searched(mutant: string, seeds: number | null, repeat = 0): Found {
  const schedule = { nodes: 3, faults: [], operations: [] } as never;
  const caught = seeds === null ? null : { seed: seeds, violation: VIOLATION, schedule };
  const result = { seedsRun: seeds ?? 100, wallMs: 10, caught, reached: {} };
  return { mutant, profile: 'default', repeat, from: 1, count: 100, result };
}

function group(mutant: string, ...seeds: (number | null)[]): GroupResult {
  const found = seeds.map((each, repeat) => searched(mutant, each, repeat));
  const labAlone = seeds.every((each) => each === null) ? null : VIOLATION.property;
  return { mutant, found, test: null, labAlone, shrunk: null };
}

test('a survivor and an alarm of the clean code fail the experiment', (t) => {
  const [a = '', b = ''] = MUTANTS.map(({ name }) => name);
  t.deepEqual(complaintsOf(documentOf([group(a, 3, null), group('none', null)])), []);
  t.deepEqual(complaintsOf(documentOf([group(a, null, null), group(b, 2), group('none', 7)])), [
    'the code as it is: seed 7 of profile default raised an alarm: Election Safety: two leaders',
    `${a} survived 200 seeds`,
  ]);
});

test('what the simulator does not load is for the tests to notice', async (t) => {
  const { signal } = new AbortController();
  const groups = [{ mutant: 'older-note-wins', searches: [] }];
  const results = await runGroups(groups, { shrinkRuns: 1, hangMs: 60_000 }, signal, () => {});
  const { test: noticed } = results[0] ?? {};
  t.is(noticed, 'test/acknowledged-file.test.ts');
  t.deepEqual(complaintsOf(documentOf(results)), []);
  const missed = documentOf([{ ...(results[0] as GroupResult), test: null }]);
  t.deepEqual(complaintsOf(missed), ['no test noticed older-note-wins']);
});

test('where servers check nothing the lab still catches what their invariants did', async (t) => {
  const request = parseArguments(['--only', 'voted-for-reset-on-append'], 100);
  if (request.kind !== 'run') throw new Error('a run was asked for');
  const plan = { ...request.plan, repeats: 1, seeds: 50, clean: [], shrinkRuns: 1 };
  const { signal } = new AbortController();
  const [result] = await runGroups(groupsOf(plan), plan, signal, () => {});
  const [first] = result?.found ?? [];
  t.regex(first?.result.caught?.violation.property ?? '', /^Invariant: /);
  t.regex(result?.labAlone ?? '', /^[A-Z]/);
  t.notRegex(result?.labAlone ?? '', /^Invariant: /);
});

test('a place that too few runs come to fails the experiment', (t) => {
  const found = searched('none', null);
  const enough = { ...found.result, seedsRun: 1000, reached: { votePersisted: 9 } };
  const results = [{ ...group('none'), found: [{ ...found, result: enough }] }];
  const complaints = complaintsOf(documentOf(results));
  t.true(complaints.some((each) => each.startsWith('too few runs come to votePersisted')));
  const other = { ...enough, reached: { votePersisted: 10 } };
  const reached = [...results, { ...group('none'), found: [{ ...found, result: other }] }];
  // 19 of 2,000 are still too few; another profile may come to it.
  t.is(complaintsOf(documentOf(reached)).length, complaints.length);
  const harsh = { ...found, profile: 'harsh' as const, result: other };
  const both = documentOf([...results, { ...group('none'), found: [harsh] }]);
  t.is(complaintsOf(both).length, complaints.length - 1);
});

test('mutants are told in the order of their medians, in any width', (t) => {
  const [a = '', b = '', c = ''] = MUTANTS.map(({ name }) => name);
  const results = [
    group(a, null, null, 5),
    group(b, 9, 40, 80),
    group(c, 1, 2, 3),
    group('none', null),
  ];
  t.deepEqual(
    summariesOf(results).map(({ mutant }) => mutant),
    [c, b, a],
  );
  for (const columns of [40, 60, 80, 100, 200]) {
    const lines = terminalTable(results, columns).split('\n');
    t.true(lines.every((line) => line.length <= columns));
    t.is(lines.length, 5);
    t.true(lines[2]?.startsWith(c.slice(0, 10)));
  }
  t.regex(terminalTable(results, 100), />100/);
  t.deepEqual(JSON.parse(documentText(documentOf(results))), documentOf(results));
});

test('intervals of the median are those of order statistics', (t) => {
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => n - i);
  // From the binomial distribution with p = 1/2: 2 · P(X ≤ 1 of 9) is 0.039, ≤ 2 is 0.18.
  t.deepEqual(medianInterval(upTo(9)), { median: 5, low: 2, high: 8 });
  t.deepEqual(medianInterval(upTo(6)), { median: 3.5, low: 1, high: 6 });
  t.deepEqual(medianInterval(upTo(5)), { median: 3, low: null, high: null });
  t.deepEqual(medianInterval(upTo(20)), { median: 10.5, low: 6, high: 15 });
  const endless = Number.POSITIVE_INFINITY;
  t.is(medianInterval([1, endless]).median, endless);
  t.is(medianInterval([endless, endless]).median, endless);
  t.is(medianInterval([1, 2, endless]).median, 2);
});

// ---- The command ----

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['--only nonsense', /--only got 'nonsense'; allowed: a list of voted-for/],
  ['--seeds 0', /--seeds got '0'; allowed: a whole number from 1/],
  ['--repeats x', /--repeats got 'x'/],
  ['--hang-s 0', /--hang-s got '0'; allowed: a number from 1/],
  ['--profile calm', /--profile got 'calm'; allowed: lite, default, harsh/],
  ['--seeds 1 --seeds 2', /--seeds got '1' and again '2'/],
  ['--sedes 1', /unknown option '--sedes'/],
  ['more', /too many arguments/],
];

for (const [words, expected] of MISTAKES) {
  test(`mistake: mutants ${words}`, (t) => {
    const error = t.throws(() => parseArguments(words.split(' '), 100), { instanceOf: UserError });
    t.regex(error?.message ?? '', expected);
    t.notRegex(error?.message ?? '', /\n/);
  });
}

test('only the experiment as it is written replaces the committed results', (t) => {
  const isDefault = (words: string): boolean => {
    const request = parseArguments(words === '' ? [] : words.split(' '), 100);
    return request.kind === 'run' && request.isDefault;
  };
  t.true(isDefault(''));
  t.true(isDefault('--json'));
  t.true(isDefault('--seeds 1000 --profile default'));
  for (const words of ['--quick', '--seed 2', '--only none', '--repeats 8']) {
    t.false(isDefault(words), words);
  }
});

test('--help names every mutant and is printed by the command', async (t) => {
  let printed = '';
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      printed += String(chunk);
      done();
    },
  });
  const { main } = (await OWN_COMMANDS.mutants?.load()) ?? t.fail();
  const context = { stdout, stderr: stdout } as unknown as OwnContext;
  t.is(await main(['--help'], context), 0);
  for (const { name } of MUTANTS) t.true(printed.includes(`  ${name}\n`), name);
  t.is(mutantNamed('session-forgotten').file, 'src/kv.ts');
});
