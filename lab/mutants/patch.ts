/**
 * Puts a mutant into the source as it is loaded; the files stay as they are. Hooks belong to their
 * thread: a worker that loads a mutant has it to itself.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Mutant } from './mutant.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The catalogue and the source have gone apart: a mistake of the lab, not of whoever runs it. */
export class StaleMutant extends Error {
  override name = 'StaleMutant';

  constructor({ name, file }: Mutant, find: string, count: number) {
    const times = count === 0 ? 'no longer matches' : `matches ${count} times in`;
    super(
      `the text of mutant ${name} ${times} ${file}: adapt lab/mutants/catalogue.ts ` +
        `(${JSON.stringify(find)})`,
    );
  }
}

/** The source of the mutant's file with its edits; throws StaleMutant if one does not fit. */
export function patched(mutant: Mutant, source: string): string {
  let text = source;
  for (const replacement of mutant.replace) {
    const { with: put } = replacement;
    if ('start' in replacement) {
      text = text.slice(0, replacement.start) + put + text.slice(replacement.end);
      continue;
    }
    const { find } = replacement;
    const parts = text.split(find);
    if (parts.length !== 2) throw new StaleMutant(mutant, find, parts.length - 1);
    text = parts.join(put);
  }
  return text;
}

/** Throws StaleMutant unless every one fits the source as it is. */
export function checkMutants(mutants: readonly Mutant[]): void {
  for (const mutant of mutants) patched(mutant, sourceOf(mutant));
}

export function sourceOf({ file }: Mutant): string {
  return readFileSync(join(PROJECT, file), 'utf8');
}

/**
 * From now on this thread loads the mutant's file with its edits. What is loaded already stays, so
 * this comes before any import of the source. The function returned is true once the file was
 * loaded: a mutant that is not part of a run must not pass for one that survived it.
 */
export function loadMutant(mutant: Mutant): () => boolean {
  const target = pathToFileURL(join(PROJECT, mutant.file)).href;
  let loaded = false;
  registerHooks({
    load: (url, context, nextLoad) => {
      const module = nextLoad(url, context);
      if (url !== target) return module;
      loaded = true;
      return { ...module, source: patched(mutant, String(module.source)) };
    },
  });
  return () => loaded;
}
