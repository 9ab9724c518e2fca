/**
 * Shows that README.md and docs name only what exists: scripts, flags, files and headings; and that
 * the commands of the README are understood as written. scripts/readme.ts runs them.
 *
 *     npx ava test/readme.test.ts
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { parseArguments as parseBenchHttp } from '../lab/bench-http/arguments.ts';
import { parseArguments as parseEndurance } from '../lab/endurance/arguments.ts';
import { parseArguments as parseMutants } from '../lab/mutants/arguments.ts';
import { parseArguments as parseMutate } from '../lab/mutate/arguments.ts';
import { parseArguments as parseCluster } from '../lab/processes/arguments.ts';
import { parseArguments as parseQuorum } from '../lab/quorum/arguments.ts';
import { parseArguments as parseStudy } from '../lab/study/arguments.ts';
import { parseArguments as parseSim } from '../lab/swarm/arguments.ts';
import { parseArguments } from '../lab/sweep/arguments.ts';
import { catalogueOf } from '../lab/sweep/catalogue.ts';
import { parseArguments as parseTorture } from '../lab/torture/arguments.ts';
import { blocksOf, redirected } from '../scripts/readme.ts';
import { readConfig } from '../src/config.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const NAMES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];
const TEXTS = new Map(NAMES.map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]));
const README = TEXTS.get('README.md') ?? '';
const PAGES = [...TEXTS.values()].join('\n');
/** In the others, flags of other programs are the matter, too. */
const WITH_FLAGS = ['README.md', 'docs/configuration.md', 'docs/design.md', 'docs/processes.md'];
/** Lines that call other programs, with those they go on in, and flags of Node's own. */
const FOREIGN = /^.*\b(docker compose|maelstrom test)\b(.*\\\n)*.*$|`node --[^`]*`/gm;
const catalogue = catalogueOf(join(ROOT, 'experiments'));
const STUDIES = await Promise.all(catalogue.studies.map(catalogue.loadStudy));

function unlessIn(found: Iterable<RegExpMatchArray>, has: (name: string) => boolean): string[] {
  const all = [...found].map((match) => match[1] ?? '');
  return all.length === 0 ? ['nothing was found'] : all.filter((name) => !has(name));
}

test('the scripts it names are in package.json', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const named = PAGES.matchAll(/npm (?:run )?(?!ci\b|exec\b|run\b)([a-z]+)(?=[`\n]| --| &&)/g);
  t.deepEqual(
    unlessIn(named, (name) => Object.hasOwn(scripts, name)),
    [],
  );
});

test('the flags it names are in the help', (t) => {
  const requests = [
    parseArguments(['--help'], catalogue, 'throughput', 100),
    parseMutants(['--help'], 100),
    parseMutate(['--help'], 100, ROOT),
    parseEndurance(['--help'], 100),
    parseSim(['--help'], 100),
    parseQuorum(['--help'], 100),
    parseTorture(['--help'], 100),
    parseBenchHttp(['--help'], 100),
    parseCluster(['--help'], 100),
    readConfig(['--help'], {}, 100),
    ...STUDIES.map(({ name, study }) => parseStudy(['--help'], name, study, 100)),
  ];
  const help = requests.map((each) => (each.kind === 'help' ? each.text : '')).join('');
  const pages = WITH_FLAGS.map((name) => TEXTS.get(name));
  const ours = pages.join('\n').replace(FOREIGN, '');
  t.deepEqual(
    unlessIn(ours.matchAll(/(?<![\w-])(--[a-z][a-z-]*)/g), (flag) =>
      new RegExp(`${flag}(?![\\w-])`).test(help),
    ),
    [],
  );
});

test('the files it names are there', (t) => {
  const named = PAGES.matchAll(
    /`((?:\.ci|docs|experiments|lab|results|scripts|src|test)\/[\w./-]*)`/g,
  );
  t.deepEqual(
    unlessIn(named, (file) => existsSync(join(ROOT, file))),
    [],
  );
});

/** As the site that shows the pages makes them of headings. */
function anchorsOf(markdown: string): string[] {
  const headings = markdown.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('the headings that links lead to are there', (t) => {
  const wrong = [...TEXTS].flatMap(([page, text]) =>
    [...text.matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)]
      .map(([, file = '', anchor = '']) => ({
        target: file === '' ? page : join(dirname(page), file),
        anchor,
      }))
      .filter(({ target, anchor }) => !anchorsOf(TEXTS.get(target) ?? '').includes(anchor))
      .map(({ target, anchor }) => `${page} links to ${target}#${anchor}`),
  );
  t.deepEqual(wrong, []);
});

test('its commands are understood as written', (t) => {
  const commands = blocksOf(README).flatMap((block) => block.commands);
  const sweeps = commands.flatMap((each) => /^npm run experiment -- (.*)$/.exec(each)?.[1] ?? []);
  t.true(sweeps.length > 0);
  const runs = commands.flatMap((each) => /^npm run sim -- (.*)$/.exec(each)?.[1] ?? []);
  t.true(runs.length > 0);
  const others = { quorum: parseQuorum, torture: parseTorture };
  for (const [name, parse] of Object.entries(others)) {
    const calls = commands.flatMap((each) => each.split(`npm run ${name} -- `)[1] ?? []);
    t.true(calls.length > 0);
    for (const words of calls) t.notThrows(() => parse(words.split(' '), 100), words);
  }
  for (const words of runs) t.notThrows(() => parseSim(words.split(' '), 100), words);
  for (const text of sweeps) {
    const words = text.split(' ');
    t.notThrows(() => parseArguments(words, catalogue, 'throughput', 100), text);
    const kept = STUDIES.find(({ name }) => name === words[0]);
    if (kept === undefined) continue;
    t.notThrows(() => parseStudy(words.slice(1), kept.name, kept.study, 100), text);
  }
});

test('its commands are run where they cannot replace committed results', (t) => {
  const there = (command: string): string => redirected(command, '/scratch', '7');
  t.is(there('npm run experiment'), 'npm run experiment -- --out /scratch/7');
  t.is(there('npm run bench -- --quick'), 'npm run bench -- --quick --out /scratch/7');
  t.is(there('npm run quorum -- --quick'), 'npm run quorum -- --quick --out /scratch/7');
  t.is(
    there('npm run experiment -- --loss 0 --out /tmp/a'),
    'npm run experiment -- --loss 0 --out /scratch/a',
  );
  t.is(there('npm run experiment -- --list   # all'), 'npm run experiment -- --list');
  t.is(
    there('npm run experiment -- compare results/throughput /tmp/a'),
    'npm run experiment -- compare results/throughput /scratch/a',
  );
});
