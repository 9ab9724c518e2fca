/**
 * Shows that the index of all results is the one that the committed results give, that it leads to
 * files that exist and needs no network, that it quotes each report's question and answer, and that
 * a directory without them is named in one line.
 *
 *     npx ava test/results-index.test.ts
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { resultsIndex, writeResultsIndex } from '../lab/results-index/index.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const RESULTS = join(ROOT, 'results');
const FILES = ['README.md', 'index.html'] as const;

const REPORT = `# Does \\\`it\\\` hold \\| or not?

Experiment \`made-up\`.

> ✅ In 20 runs it held **20** times; a &lt; b.
>
> All 20 trials passed the audit.

## It over time

![It, drawn](it.svg)
`;
const MANIFEST = {
  experiment: 'made-up',
  commit: '1a2b3c4d5e6f7a8b9c0d-dirty',
  command: 'npm run experiment -- made-up --seed "1|2"',
  finishedAt: '2026-01-31T23:59:59.000Z',
};
const FILE_SET: Readonly<Record<string, string>> = {
  'report.md': REPORT,
  'report.html': '<!doctype html>',
  'manifest.json': JSON.stringify(MANIFEST),
  'it.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="920" height="300"></svg>',
};

function temporary(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'results-index-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function place(results: string, name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(results, name), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(results, name, file), text);
}

test('the committed index is the one that the committed results give', async (t) => {
  const index = await resultsIndex(RESULTS);
  for (const file of FILES) {
    const isCurrent = readFileSync(join(RESULTS, file), 'utf8') === index[file];
    t.true(isCurrent, `results/${file} is not current: npm run results-index`);
  }
});

test('all it leads to exists, and the page needs no network', (t) => {
  const page = readFileSync(join(RESULTS, 'index.html'), 'utf8');
  const readme = readFileSync(join(RESULTS, 'README.md'), 'utf8');
  const targets = [page, readme].flatMap((text) => [
    ...text.matchAll(/\b(?:src|href)="([^"]+)"|\]\(([^()]+)\)/g),
  ]);
  const local = targets.map(([, a, b]) => a ?? b ?? '').filter((at) => !at.startsWith('#'));
  t.true(local.length > 20);
  t.deepEqual(
    local.filter((at) => !existsSync(join(RESULTS, at))),
    [],
  );
  t.notRegex(page, /https?:|<link|@import|url\(/);
  for (const [picture] of page.matchAll(/<img [^>]*>/g)) t.regex(picture, / alt="[^"]+"/);
});

test('a card has question, answer, picture, day, commit and command', async (t) => {
  const results = temporary(t);
  place(results, 'made-up', FILE_SET);
  const index = await resultsIndex(results);
  const page = index['index.html'];
  t.true(page.includes('<a href="made-up/report.html">Does `it` hold | or not?</a>'));
  t.true(page.includes('In 20 runs it held <strong>20</strong> times; a &lt; b.</p>'));
  t.false(page.includes('passed the audit'), 'what follows the answer is for the report');
  t.regex(page, /<img loading="lazy" src="made-up\/it\.svg" alt="It, drawn"/);
  t.regex(page, /<time datetime="2026-01-31T23:59:59\.000Z">31 January 2026<\/time>/);
  t.true(page.includes('commit 1a2b3c4 with changes'));
  t.true(page.includes('npm run experiment -- made-up --seed &quot;1|2&quot;'));
  const row = index['README.md'].split('\n').find((line) => line.includes('made-up/it.svg')) ?? '';
  t.true(row.includes('**[Does \\`it\\` hold \\| or not?](made-up/report.md)**'));
  t.true(row.includes('In 20 runs it held **20** times; a &lt; b.'));
  t.is(row.match(/(?<!\\)\|/g)?.length, 3, 'a row of two cells');
});

test('a failed run is shown as one', async (t) => {
  const results = temporary(t);
  const report = REPORT.replace('✅ In 20 runs', '❌ **FAILED** In 3 of 20 runs');
  place(results, 'made-up', { ...FILE_SET, 'report.md': report });
  const index = await resultsIndex(results);
  t.true(index['index.html'].includes('<article class="failed">'));
  t.true(index['README.md'].includes('❌ **FAILED** In 3 of 20 runs'));
});

test('known experiments come in groups, unknown ones last, other directories not', async (t) => {
  const results = temporary(t);
  const names = ['unheard-of', 'throughput', 'election-lan', 'timeline'];
  for (const name of [...names, 'throughput-custom', 'failures']) place(results, name, FILE_SET);
  place(results, 'begun', {});
  place(results, 'interrupted', { 'cells.sqlite': '', 'cells.sqlite-wal': '' });
  const { 'README.md': readme } = await resultsIndex(results);
  const shown = [...readme.matchAll(/src="([^"]+)\/it\.svg"/g)].map(([, name]) => name);
  t.deepEqual(shown, ['election-lan', 'timeline', 'throughput', 'unheard-of']);
});

test('what a directory lacks is said in one line, and nothing is written', async (t) => {
  const cases: readonly [file: string, text: string | null, said: RegExp][] = [
    ['report.md', null, /made-up: report\.md expected, but there is none/],
    ['manifest.json', null, /made-up: manifest\.json expected, but there is none/],
    ['it.svg', null, /made-up: it\.svg expected, but there is none/],
    ['report.md', REPORT.replace('> ✅', '✅'), /an answer in a line '> ✅ …' expected/],
    ['report.md', REPORT.replace('# Does', 'Does'), /a question in its first line/],
    ['report.md', REPORT.replace('![', '['), /a picture in a line/],
    ['manifest.json', '{"command": 1}', /command, commit and finishedAt expected/],
    ['manifest.json', 'no JSON', /command, commit and finishedAt expected/],
    ['it.svg', '<svg/>', /it\.svg with a width and a height expected/],
  ];
  for (const [file, text, said] of cases) {
    const results = temporary(t);
    place(results, 'made-up', FILE_SET);
    if (text === null) rmSync(join(results, 'made-up', file));
    else writeFileSync(join(results, 'made-up', file), text);
    const error = await t.throwsAsync(writeResultsIndex(results));
    t.regex(error?.message ?? '', said);
    t.notRegex(error?.message ?? '', /\n/);
    t.false(existsSync(join(results, 'README.md')));
  }
});

test('the command says what it wrote, and ends with 2 where something is missing', async (t) => {
  const results = temporary(t);
  place(results, 'made-up', FILE_SET);
  const good = await command([results]);
  t.is(good.status, 0, good.stderr);
  t.regex(good.stdout, /^index: \S+README\.md and \S+index\.html\n$/);
  for (const file of FILES) t.true(existsSync(join(results, file)));
  rmSync(join(results, 'made-up', 'report.html'));
  const bad = await command([results]);
  t.is(bad.status, 2);
  t.regex(bad.stderr, /^results-index: \S+made-up: report\.html expected, [^\n]+\n$/);
  const nowhere = await command([join(results, 'nowhere')]);
  t.is(nowhere.status, 2);
  t.regex(nowhere.stderr, /^results-index: a directory of results expected, [^\n]+\n$/);
});

type Ended = { status: number; stdout: string; stderr: string };

function command(words: readonly string[]): Promise<Ended> {
  const main = join(ROOT, 'lab', 'results-index', 'main.ts');
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...words], (_error, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
