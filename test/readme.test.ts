/**
 * Shows that README.md and docs/design.md name only what exists: scripts, flags and files; and that
 * the commands of the README are understood as written. scripts/readme.ts runs them.
 *
 *     npx ava test/readme.test.ts
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseArguments as parseEndurance } from '../lab/endurance/arguments.ts';
import { parseArguments as parseMutants } from '../lab/mutants/arguments.ts';
import { parseArguments as parseSim } from '../lab/swarm/arguments.ts';
import { parseArguments } from '../lab/sweep/arguments.ts';
import { catalogueOf } from '../lab/sweep/catalogue.ts';
import { blocksOf, redirected } from '../scripts/readme.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const PAGES = README + readFileSync(join(ROOT, 'docs/design.md'), 'utf8');
const { names } = catalogueOf(join(ROOT, 'experiments'));

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
    parseArguments(['--help'], names, 'throughput', 100),
    parseMutants(['--help'], 100),
    parseEndurance(['--help'], 100),
    parseSim(['--help'], 100),
  ];
  const help = requests.map((each) => (each.kind === 'help' ? each.text : '')).join('');
  t.deepEqual(
    unlessIn(PAGES.matchAll(/(?<![\w-])(--[a-z][a-z-]*)/g), (flag) =>
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

test('its commands are understood as written', (t) => {
  const commands = blocksOf(README).flatMap((block) => block.commands);
  const sweeps = commands.flatMap((each) => /^npm run experiment -- (.*)$/.exec(each)?.[1] ?? []);
  t.true(sweeps.length > 0);
  const runs = commands.flatMap((each) => /^npm run sim -- (.*)$/.exec(each)?.[1] ?? []);
  t.true(runs.length > 0);
  for (const words of runs) t.notThrows(() => parseSim(words.split(' '), 100), words);
  for (const words of sweeps) {
    t.notThrows(() => parseArguments(words.split(' '), names, 'throughput', 100), words);
  }
});

test('its commands are run where they cannot replace committed results', (t) => {
  const there = (command: string): string => redirected(command, '/scratch', '7');
  t.is(there('npm run experiment'), 'npm run experiment -- --out /scratch/7');
  t.is(there('npm run bench -- --quick'), 'npm run bench -- --quick --out /scratch/7');
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
