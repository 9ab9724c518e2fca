import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { bundleOf } from '../src/bundle.ts';

type Project = { readonly sources: string; readonly packages: string; readonly entry: URL };

function createProject(t: ExecutionContext): Project {
  const folder = mkdtempSync(join(tmpdir(), 'raft-bundle-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [sources, packages] = [join(folder, 'src'), join(folder, 'node_modules')];
  for (const path of [sources, packages]) mkdirSync(path);
  writeFileSync(join(packages, '.package-lock.json'), '{}');
  writeFileSync(join(sources, 'entry.ts'), "export { answer, place } from './answer.ts';");
  writeAnswer(sources, 1);
  return { sources, packages, entry: pathToFileURL(join(sources, 'entry.ts')) };
}

function writeAnswer(sources: string, answer: number): void {
  const text = `export const answer: number = ${answer}; export const place = import.meta.url;`;
  writeFileSync(join(sources, 'answer.ts'), text);
}

const filesOf = (packages: string): string[] =>
  readdirSync(join(packages, '.cache', 'raft-lab')).sort();

test('a bundle is made once, and again where a source has changed', async (t) => {
  const { sources, packages, entry } = createProject(t);
  const first = await bundleOf(entry);
  t.true(fileURLToPath(first).startsWith(packages));
  const { answer, place } = await import(first);
  t.is(answer, 1);
  // What is found beside a source is still found.
  t.is(fileURLToPath(place), join(sources, 'answer.ts'));
  t.is(await bundleOf(entry), first);
  t.is(filesOf(packages).filter((name) => name.endsWith('.mjs')).length, 1);
  writeAnswer(sources, 2);
  const second = await bundleOf(entry);
  t.not(second, first);
  t.is((await import(second)).answer, 2);
});

test('bundles of old sources are removed', async (t) => {
  const { sources, packages, entry } = createProject(t);
  for (let i = 0; i < 6; i += 1) {
    writeAnswer(sources, i);
    await bundleOf(entry);
  }
  t.is(filesOf(packages).length, 8);
});

test('several that start at once all find a whole bundle', async (t) => {
  const { entry } = createProject(t);
  const all = await Promise.all(Array.from({ length: 4 }, () => bundleOf(entry)));
  t.is(new Set(all).size, 1);
  t.is((await import(all[0] ?? '')).answer, 1);
});

test('where no bundle can be kept, or made, the sources run', async (t) => {
  const { packages, entry } = createProject(t);
  symlinkSync('/dev/null', join(packages, '.cache'));
  t.is(await bundleOf(entry), entry.href);
  const another = createProject(t);
  writeFileSync(join(another.sources, 'entry.ts'), "import './nothing.ts';");
  t.is(await bundleOf(another.entry), another.entry.href);
});
