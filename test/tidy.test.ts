/**
 * Shows that the source keeps the rules that docs/design.md states: who may import whom, what stays
 * free of clocks, chance and I/O, how wide and how long things get, and that nothing lies about
 * unused. A rule that applies to no file fails as well: it would check nothing.
 *
 *     npx ava test/tidy.test.ts
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { codeOf, importGraph, loadedWith } from '../lab/imports.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const COLUMNS_MAX = 100;
const FUNCTION_LINES_MAX = 70;
const STANDARD_OUTPUT = 'src/standard-output.ts';

// ---- What is checked ----------------------------------------------------------------------------

/**
 * Within src/raft each chapter may know those below it (dissertation order); raft.ts knows them
 * all.
 */
const FIRST = ['types', 'random', 'identity'];
const BELOW_ROLES = [...FIRST, 'log', 'quorum', 'progress', 'context'];
const BELOW_REPLICATION = [...BELOW_ROLES, 'roles', 'snapshot'];
const BELOW_ELECTION = [...BELOW_REPLICATION, 'replication'];
const BELOW_MEMBERSHIP = [...BELOW_ELECTION, 'election', 'reads', 'transfer'];
const CHAPTERS: Readonly<Record<string, readonly string[]>> = {
  types: ['random'],
  random: [],
  identity: ['types'],
  log: ['types'],
  quorum: ['types'],
  progress: ['types'],
  describe: ['types', 'log'],
  context: ['types', 'log'],
  roles: BELOW_ROLES,
  snapshot: [...BELOW_ROLES, 'roles'],
  replication: BELOW_REPLICATION,
  election: BELOW_ELECTION,
  reads: BELOW_ELECTION,
  transfer: BELOW_ELECTION,
  membership: BELOW_MEMBERSHIP,
  invariants: ['types', 'log', 'describe'],
  validation: ['types', 'log'],
  raft: [...BELOW_MEMBERSHIP, 'membership', 'invariants'],
};

/** A path, or all below a path that ends in `/`; `node:` and `package:` are what is not ours. */
type Place = string;

const RAFT = 'src/raft/';
const OUTSIDE: readonly Place[] = ['node:', 'package:'];

/** What the state machine is made of, and the contract that its snapshots keep. */
const BELOW_KV: readonly Place[] = [
  'src/answers.ts',
  'src/command.ts',
  'src/sessions.ts',
  'src/snapshots.ts',
  'src/table.ts',
];

/** The first row that covers a file says what it may import. */
const MAY_IMPORT: readonly (readonly [of: Place, may: readonly Place[]])[] = [
  ...Object.entries(CHAPTERS).map(
    ([name, below]) => [`${RAFT}${name}.ts`, below.map((other) => `${RAFT}${other}.ts`)] as const,
  ),
  // A file of the core without a row above has no place in the order yet.
  [RAFT, []],
  ['src/command.ts', []],
  ['src/checksum.ts', []],
  ['src/slots.ts', []],
  ['src/arena.ts', ['src/command.ts']],
  ['src/table.ts', ['src/arena.ts', 'src/command.ts', 'src/slots.ts']],
  ['src/answers.ts', ['src/command.ts']],
  ['src/sessions.ts', ['src/answers.ts', 'src/command.ts', 'src/table.ts']],
  ['src/entry.ts', [`${RAFT}types.ts`]],
  ['src/snapshots.ts', [`${RAFT}types.ts`, 'src/storage/storage.ts']],
  ['src/kv-snapshot.ts', [...BELOW_KV, 'src/arena.ts']],
  ['src/kv-restore.ts', [...BELOW_KV, 'src/kv-snapshot.ts']],
  ['src/kv.ts', [...BELOW_KV, 'src/kv-snapshot.ts', 'src/kv-restore.ts']],
  ['src/batching.ts', ['src/command.ts']],
  ['src/persist-queue.ts', [`${RAFT}types.ts`, 'src/storage/storage.ts']],
  [
    'src/node.ts',
    [
      RAFT,
      'src/batching.ts',
      'src/command.ts',
      'src/persist-queue.ts',
      'src/snapshots.ts',
      'src/storage/storage.ts',
      'src/transport/transport.ts',
    ],
  ],
  // What a unit and a snapshot do to a log is the core's rule.
  ['src/storage/storage.ts', [`${RAFT}types.ts`, `${RAFT}log.ts`]],
  ['src/storage/', ['src/storage/', 'src/entry.ts', `${RAFT}types.ts`, ...OUTSIDE]],
  [
    'src/transport/',
    [
      'src/transport/',
      'src/checksum.ts',
      'src/command.ts',
      'src/entry.ts',
      `${RAFT}types.ts`,
      `${RAFT}identity.ts`,
      `${RAFT}random.ts`,
      `${RAFT}validation.ts`,
      ...OUTSIDE,
    ],
  ],
  ['src/', ['src/', ...OUTSIDE]],
  ['lab/', ['lab/', 'src/', ...OUTSIDE]],
  ['experiments/main.ts', ['lab/', STANDARD_OUTPUT, ...OUTSIDE]],
  ['experiments/', ['experiments/', 'lab/', 'src/', ...OUTSIDE]],
  ['scripts/', ['scripts/', 'lab/', 'src/', ...OUTSIDE]],
];

/**
 * Decides, so it must run anywhere, a browser page included: nothing from Node, and no package but
 * those below.
 */
const RUNS_ANYWHERE: readonly Place[] = [
  RAFT,
  'src/answers.ts',
  'src/arena.ts',
  'src/batching.ts',
  'src/checksum.ts',
  'src/command.ts',
  'src/entry.ts',
  'src/kv-restore.ts',
  'src/kv-snapshot.ts',
  'src/kv.ts',
  'src/node.ts',
  'src/persist-queue.ts',
  'src/sessions.ts',
  'src/slots.ts',
  'src/snapshots.ts',
  'src/table.ts',
  'src/storage/folding.ts',
  'src/storage/memory-disk.ts',
  'src/storage/memory.ts',
  'src/storage/records.ts',
  'src/storage/recovery.ts',
  'src/storage/snapshot-record.ts',
  'src/storage/storage.ts',
  'src/transport/client-frame.ts',
  'src/transport/codec.ts',
  'src/transport/distributions.ts',
  'src/transport/frame-bytes.ts',
  'src/transport/link.ts',
  'src/transport/transport.ts',
  'lab/acknowledged.ts',
  'lab/faults.ts',
  'lab/workload.ts',
  'src/canonical-json.ts',
  'lab/checker.ts',
  'lab/checker/',
  'lab/client-session.ts',
  'lab/client.ts',
  'lab/cluster.ts',
  'lab/committed-log.ts',
  'lab/history.ts',
  'lab/judged-operation.ts',
  'lab/linearizability.ts',
  'lab/linearization.ts',
  'src/membership-plan.ts',
  'lab/model.ts',
  'lab/open-writes.ts',
  'lab/replay.ts',
  'lab/rules.ts',
  'lab/schedule.ts',
  'lab/schedule-rules.ts',
  'lab/scheduled-clients.ts',
  'lab/shrink.ts',
  'lab/shrink-changes.ts',
  'lab/shrink-search.ts',
  'lab/stack-text.ts',
  'lab/sim/',
  'lab/trace.ts',
  'lab/verdict.ts',
  'lab/visited.ts',
];

/** Packages that run anywhere, too: a single file that imports nothing, as a test below shows. */
const PURE_PACKAGES: readonly Place[] = ['package:tinyqueue'];

/** Time, chance and I/O come in as inputs and go out as effects; nothing here may wait. */
const IMPURE = new RegExp(
  [
    /\b(Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    /\b(async|await|Promise)\b/,
    /\b(console|process|Buffer|crypto|require|globalThis|fetch|Worker)\b/,
    // Other functions of Math may differ in the last bit between machines (sqrt may not: IEEE 754);
    // a locale does differ.
    /\bMath\.(?!abs\b|ceil\b|clz32\b|floor\b|imul\b|max\b|min\b|round\b|sign\b|sqrt\b|trunc\b)\w+/,
    /\b(Intl|toLocale\w+|localeCompare)\b/,
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
);

// ---- The files ----------------------------------------------------------------------------------

function filesUnder(folder: string, ending: string): string[] {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => file.endsWith(ending))
    .sort();
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

const SOURCES = ['src', 'lab', 'experiments', 'scripts'].flatMap((at) => filesUnder(at, '.ts'));
const TESTS = filesUnder('test', '.ts');

function covers(place: Place, path: string): boolean {
  return place.endsWith('/') || place.endsWith(':') ? path.startsWith(place) : path === place;
}

function covered(places: readonly Place[]): string[] {
  return SOURCES.filter((file) => places.some((place) => covers(place, file)));
}

const IMPORTS = importGraph([...SOURCES, ...TESTS]);

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

// ---- The rules ----------------------------------------------------------------------------------

test('imports go one way', (t) => {
  const wrong: string[] = [];
  for (const file of SOURCES) {
    const row = MAY_IMPORT.find(([of]) => covers(of, file));
    for (const { target } of row === undefined ? [] : (IMPORTS.get(file) ?? [])) {
      if (!row?.[1].some((place) => covers(place, target))) wrong.push(`${file} imports ${target}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('every row of the import table covers a file, but the one for files without a place', (t) => {
  const rows = MAY_IMPORT.map(([of]) => of);
  const used = new Set(SOURCES.map((file) => rows.find((of) => covers(of, file))));
  // `src/` is for what is neither core nor storage nor transport: config, http, main, when they
  // come.
  const idle = rows.filter((of) => !used.has(of) && of !== RAFT && of !== 'src/');
  t.deepEqual(idle, []);
});

test('no file of src/raft lacks its place in the order of chapters', (t) => {
  const names = covered([RAFT]).map((file) => file.slice(RAFT.length, -'.ts'.length));
  t.deepEqual(names, Object.keys(CHAPTERS).sort());
});

test('sweeps are data: they import types of the lab and nothing else', (t) => {
  const files = covered(['experiments/']).filter(
    (file) => dirname(file) === 'experiments' && file !== 'experiments/main.ts',
  );
  t.true(files.length > 0);
  const wrong = files.flatMap((file) =>
    (IMPORTS.get(file) ?? [])
      .filter(({ target, typeOnly }) => !typeOnly || !target.startsWith('lab/'))
      .map(({ target }) => `${file} imports ${target}`),
  );
  t.deepEqual(wrong, []);
});

test('studies stand by themselves, and their trials load nothing that draws or writes', (t) => {
  const files = covered(['experiments/']).filter((file) => dirname(file) !== 'experiments');
  t.true(files.length > 0);
  const wrong = files.flatMap((file) =>
    (IMPORTS.get(file) ?? [])
      .map(({ target }) => target)
      .filter((target) => target.startsWith('experiments/') && dirname(target) !== dirname(file))
      .map((target) => `${file} imports ${target}`),
  );
  for (const file of files.filter((each) => each.endsWith('/trial.ts'))) {
    const loaded = [...loadedWith(IMPORTS, [file], false)];
    const drawing = loaded.filter((each) => /^package:(@observablehq|linkedom)/.test(each));
    wrong.push(...drawing.map((each) => `${file} loads ${each}`));
  }
  t.deepEqual(wrong, []);
});

test('imports name files that exist', (t) => {
  const wrong: string[] = [];
  for (const [file, imports] of IMPORTS) {
    for (const { target } of imports) {
      const ours = !target.startsWith('node:') && !target.startsWith('package:');
      if (ours && !existsSync(join(ROOT, target))) wrong.push(`${file} imports ${target}`);
    }
  }
  t.deepEqual(wrong, []);
});

function filesThatRunAnywhere(): string[] {
  return covered(RUNS_ANYWHERE);
}

test('what decides runs anywhere: it loads nothing of Node and no package that does', (t) => {
  const files = filesThatRunAnywhere();
  t.true(files.length > Object.keys(CHAPTERS).length);
  const wrong = files.flatMap((file) =>
    [...loadedWith(IMPORTS, [file], false)]
      .filter((target) => OUTSIDE.some((place) => covers(place, target)))
      .filter((target) => !PURE_PACKAGES.includes(target))
      .map((target) => `${file} loads ${target}`),
  );
  t.deepEqual(wrong, []);
});

test('packages that run anywhere import nothing and reach for nothing impure', (t) => {
  const used = new Set([...IMPORTS.values()].flat().map(({ target }) => target));
  for (const place of PURE_PACKAGES) {
    t.true(used.has(place), `${place} is not used`);
    const code = codeOf(
      readFileSync(new URL(import.meta.resolve(place.split(':')[1] ?? '')), 'utf8'),
    );
    t.deepEqual(code.match(/\bimport\b/g) ?? [], [], place);
    t.deepEqual(code.match(IMPURE) ?? [], [], place);
  }
});

test('what decides reaches for no clock, chance or I/O, and never waits', (t) => {
  // With all that it loads: what lies below must run anywhere as well.
  const loaded = loadedWith(IMPORTS, filesThatRunAnywhere(), false);
  const files = SOURCES.filter((file) => loaded.has(file));
  t.true(files.length > Object.keys(CHAPTERS).length);
  const wrong = files.flatMap((file) => {
    const code = codeOf(read(file));
    return [...code.matchAll(IMPURE)].map(
      (match) => `${file}:${lineOf(code, match.index)}: ${match[0]}`,
    );
  });
  t.deepEqual(wrong, []);
});

test('wall time is read for people alone, as it may be stepped at any moment', (t) => {
  const isRead = (file: string): boolean => /\bDate\b/.test(codeOf(read(file)));
  const readers = SOURCES.filter((file) => file.startsWith('src/') && isRead(file));
  // Lines of the log, and the word that is left in the place of a lost directory.
  t.deepEqual(readers.sort(), ['src/logger.ts', 'src/storage/data-directory.ts']);
});

test('the scan for impure words sees code and nothing else', (t) => {
  const seen = (text: string): string[] => codeOf(text).match(IMPURE) ?? [];
  t.deepEqual(seen('const a = Date.now() + Math.random() + Math.floor(2);'), [
    'Date',
    'Math.random',
  ]);
  t.deepEqual(seen('// await\n/* a Promise */ const a = "Date" + \'process\';'), []);
  t.deepEqual(seen(`const a = \`Date $\{Date.now()} console\`;`), ['Date']);
  t.deepEqual(seen("const a = text.replace(/'/g, x); await y; const b = 'await';"), ['await']);
});

test(`lines have at most ${COLUMNS_MAX} columns`, (t) => {
  const wrong = [...SOURCES, ...TESTS].flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) =>
        line.length > COLUMNS_MAX ? [`${file}:${i + 1}: ${line.length}`] : [],
      ),
  );
  t.deepEqual(wrong, []);
});

test(`functions of the core have at most ${FUNCTION_LINES_MAX} lines`, (t) => {
  let functions = 0;
  const wrong: string[] = [];
  for (const file of covered([RAFT])) {
    const text = codeOf(read(file));
    // The formatter puts the brace that closes a function of the top level, and no other, in column
    // 0.
    for (const match of text.matchAll(/^(?:export )?function (\w+)[\s\S]*?^\}/gm)) {
      functions++;
      const lines = match[0].split('\n').length;
      if (lines > FUNCTION_LINES_MAX) wrong.push(`${file}: ${match[1]} has ${lines} lines`);
    }
  }
  t.true(functions > 50);
  t.deepEqual(wrong, []);
});

test('every file is reached from a command, an experiment or a test', (t) => {
  const commands = ['package.json', '.ci/run', 'Dockerfile', 'scripts/maelstrom-node']
    .filter((file) => existsSync(join(ROOT, file)))
    .flatMap((file) => read(file).match(/[\w./-]+\.ts\b/g) ?? [])
    .map((file) => join(file));
  t.true(commands.includes('experiments/main.ts'));
  const experiments = covered(['experiments/']).filter(
    (file) => dirname(file) === 'experiments' || /\/(study|trial)\.ts$/.test(file),
  );
  const tests = TESTS.filter((file) => file.endsWith('.test.ts'));
  const reached = loadedWith(IMPORTS, [...commands, ...experiments, ...tests], true);
  const unused = [...SOURCES, ...TESTS].filter(
    (file) => !file.endsWith('.d.ts') && !reached.has(file),
  );
  t.deepEqual(unused, []);
});

test('commands print by the streams of src/standard-output.ts, which no reader can end', (t) => {
  const printing = covered(['lab/', 'experiments/']).filter((file) =>
    /\bprocess\.std(out|err)\b|\bconsole\./.test(codeOf(read(file))),
  );
  t.deepEqual(printing, []);
  const mains = read('package.json').match(/\b(?:lab|src|experiments)\/[\w./-]+\.ts\b/g) ?? [];
  t.true(mains.length > 5);
  const unguarded = mains.filter(
    (file) => !loadedWith(IMPORTS, [file], false).has(STANDARD_OUTPUT),
  );
  t.deepEqual(unguarded, []);
});

test('links of README.md and docs lead to files', (t) => {
  const pages = ['README.md', ...filesUnder('docs', '.md')].filter((file) =>
    existsSync(join(ROOT, file)),
  );
  const wrong = pages.flatMap((page) => {
    const links = read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g);
    return [...links]
      .map((match) => match[1] ?? '')
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !existsSync(join(ROOT, dirname(page), link)))
      .map((link) => `${page} links to ${link}`);
  });
  t.deepEqual(wrong, []);
});
