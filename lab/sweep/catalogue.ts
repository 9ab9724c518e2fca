/**
 * The experiments there are: the files of a directory, each with an `Experiment` as its default.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mistake } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';

export type Catalogue = {
  names: readonly string[];
  load(name: string): Promise<Experiment>;
};

/** Files that are part of the command rather than experiments. */
const NOT_EXPERIMENTS = new Set(['main', 'index']);

export function catalogueOf(directory: string): Catalogue {
  const names = readdirSync(directory)
    .flatMap((file) => (/^[a-z0-9-]+\.ts$/.test(file) ? [file.slice(0, -'.ts'.length)] : []))
    .filter((name) => !NOT_EXPERIMENTS.has(name))
    .sort();
  return {
    names,
    load: async (name) => {
      if (!names.includes(name)) throw mistake('experiment', name, names.join(', '));
      const url = pathToFileURL(join(directory, `${name}.ts`)).href;
      const module = (await import(url)) as { default: Experiment };
      return module.default;
    },
  };
}
