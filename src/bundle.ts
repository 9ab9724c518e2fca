/**
 * A program in one file. To find, read and link some five hundred modules is half the work of a
 * start; a bundle of them is made at the first start, and again where a source has changed.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { OutputFile } from 'esbuild';

/** More than one, as checkouts may share their packages. */
const FILES_KEPT = 8;

/**
 * The address of a bundle of `entry`, and of all that lies beside and below it, kept in the
 * `node_modules` next to its folder, below which its addons are found. Where none can be kept, the
 * entry's own.
 */
export async function bundleOf(entry: URL): Promise<string> {
  const path = fileURLToPath(entry);
  const sources = dirname(path);
  const packages = join(sources, '..', 'node_modules');
  const folder = join(packages, '.cache', 'raft-lab');
  const file = join(folder, `${keyOf(path, packages)}.mjs`);
  try {
    if (statSync(file, { throwIfNoEntry: false }) === undefined) {
      const files = await bundle(path, file);
      mkdirSync(folder, { recursive: true });
      for (const { path, contents } of files) {
        // Whole or not at all: others start at the same time.
        const draft = `${path}.${process.pid}`;
        writeFileSync(draft, contents);
        renameSync(draft, path);
      }
      removeOld(folder);
    }
    return pathToFileURL(file).href;
  } catch {
    // Without the bundler, or a place to write to, a start takes longer; that is all.
    return entry.href;
  }
}

/** Of all that the bundle is made from: O(bytes of the sources), some milliseconds. */
function keyOf(entry: string, packages: string): string {
  const hash = createHash('sha1').update(entry);
  const sources = dirname(entry);
  const names = readdirSync(sources, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((name) => name.endsWith('.ts')).sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(sources, name)));
  }
  // What is installed, written by npm.
  const installed = join(packages, '.package-lock.json');
  return hash.update(readFileSync(installed)).digest('hex');
}

/** The bundle and its source map, which Node reads where it is asked to. */
async function bundle(entry: string, outfile: string): Promise<OutputFile[]> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: `node${process.versions.node}`,
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'silent',
    // It is found beside its addon.
    external: ['sqlite3'],
    // Packages in the older format ask for Node's own modules by `require`.
    banner: {
      js:
        "import { createRequire } from 'node:module';" +
        `const require = createRequire(${JSON.stringify(entry)});`,
    },
    plugins: [
      {
        name: 'workers',
        setup({ onLoad }) {
          // Threads are started from files of their own, which stand beside the sources.
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            loader: 'ts',
            contents: readFileSync(path, 'utf8').replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(path).href),
            ),
          }));
        },
      },
    ],
  });
  return outputFiles;
}

function removeOld(folder: string): void {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const ages = new Map(files.map((file) => [file, statSync(file).mtimeMs]));
  const newestFirst = files.sort((a, b) => (ages.get(b) ?? 0) - (ages.get(a) ?? 0));
  for (const file of newestFirst.slice(FILES_KEPT)) rmSync(file, { force: true });
}
