/**
 * The experiments there are: the files of a directory, each with an `Experiment` as its default,
 * and the directories in it, each with a `Study` in `study.ts`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { mistake } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import type { KeptStudy } from '../study/command.ts';
import type { AnyStudy } from '../study/study.ts';

export type Catalogue = {
  names: readonly string[];
  load(name: string): Promise<Experiment>;
  studies: readonly string[];
  loadStudy(name: string): Promise<KeptStudy>;
};

/** Files that are part of the command rather than experiments. */
const NOT_EXPERIMENTS = new Set(['main', 'index']);

export function catalogueOf(directory: string): Catalogue {
  const names = readdirSync(directory)
    .flatMap((file) => (/^[a-z0-9-]+\.ts$/.test(file) ? [file.slice(0, -'.ts'.length)] : []))
    .filter((name) => !NOT_EXPERIMENTS.has(name))
    .sort();
  const studies = readdirSync(directory)
    .filter((name) => existsSync(join(directory, name, 'study.ts')))
    .sort();
  return {
    names,
    studies,
    loadStudy: async (name) => {
      if (!studies.includes(name)) throw mistake('study', name, studies.join(', '));
      const url = pathToFileURL(join(directory, name, 'study.ts')).href;
      const { default: study } = (await import(url)) as { default: AnyStudy };
      return { name, study, file: join(directory, name, 'trial.ts') };
    },
    load: async (name) => {
      if (!names.includes(name)) throw mistake('experiment', name, names.join(', '));
      const url = pathToFileURL(join(directory, `${name}.ts`)).href;
      const module = (await import(url)) as { default: Experiment };
      return module.default;
    },
  };
}
