/** Joins what the shards of a sweep have written into one result. */

import { mistake, UserError } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import { type FactorValue, SCHEMA_VERSION } from '../results.ts';
import type { Catalogue } from './catalogue.ts';
import { readStore, type StoredRow } from './cell-store.ts';
import { cellKey, compareValues, describeCell } from './cells.ts';
import { checkDirectory, readDocument, readManifest } from './document.ts';
import { FACTOR_NAMES, FACTORS, isFactorName } from './factors.ts';
import { originOf } from './manifest.ts';

export type Merged = {
  name: string;
  /** The experiment as it is written. */
  written: Experiment;
  /** The experiment that the rows span. */
  experiment: Experiment;
  stored: readonly StoredRow[];
  /** The `--seed` of each part. */
  baseSeeds: readonly number[];
  notes: readonly string[];
};

type Source = {
  directory: string;
  experiment: string;
  baseSeed: number | undefined;
  rows: StoredRow[];
};

/** Reads all directories; a trial may come twice only when it is the same to the last digit. */
export async function mergeSources(
  directories: readonly string[],
  catalogue: Catalogue,
): Promise<Merged> {
  const sources: Source[] = [];
  for (const directory of directories) sources.push(await readSource(directory, catalogue));
  const [first] = sources;
  if (first === undefined) throw mistake('merge', '', 'one directory or more');
  for (const { directory, experiment, rows } of sources) {
    if (rows.length === 0) {
      throw mistake('merge', `${directory} (without a finished trial)`, 'directories with trials');
    }
    if (experiment === first.experiment) continue;
    const allowed = `results of '${first.experiment}', as in ${first.directory}`;
    throw mistake('merge', `${directory} (of '${experiment}')`, allowed);
  }
  const written = await catalogue.load(first.experiment);
  const stored = joined(sources, written);
  const experiment = spanned(written, stored);
  const combinations = Object.values(experiment.vary).reduce((n, list) => n * list.length, 1);
  const missing = combinations * experiment.trials - stored.length;
  const notes =
    missing > 0 ? [`${missing} trials of the sweep that the rows span are missing`] : [];
  const seeds = sources.flatMap(({ baseSeed }) => baseSeed ?? []);
  return {
    name: first.experiment,
    written,
    experiment,
    stored,
    baseSeeds: [...new Set(seeds)],
    notes,
  };
}

/** The store where there is one, since it is complete even after an interruption. */
async function readSource(directory: string, catalogue: Catalogue): Promise<Source> {
  checkDirectory('merge', directory);
  const store = await readStore(directory);
  if (store !== undefined) {
    const { experiment, schemaVersion, seed } = store.header;
    if (schemaVersion !== SCHEMA_VERSION) {
      const came = `${directory} (schema ${schemaVersion})`;
      throw mistake('merge', came, `results of schema ${SCHEMA_VERSION}`);
    }
    return { directory, experiment, baseSeed: seed, rows: [...store.rows.values()] };
  }
  const { experiment, rows } = readDocument(directory);
  const manifest = readManifest(directory);
  const origin = manifest === undefined ? 'an unknown origin' : originOf(manifest);
  const written = await catalogue.load(experiment);
  const durationS = durationOf(manifest?.command ?? '', written);
  return {
    directory,
    experiment,
    baseSeed: manifest?.seed,
    rows: rows.map((row) => ({ row, durationS, origin })),
  };
}

/** A result document does not say how long its trials were; the command beside it does. */
function durationOf(command: string, written: Experiment): number {
  const told = /--duration-s[ =](\S+)/.exec(command)?.[1];
  if (told !== undefined) return Number(told);
  const quick = /--quick\b/.test(command) ? written.quick.durationS : undefined;
  return quick ?? written.durationS;
}

function joined(sources: readonly Source[], written: Experiment): StoredRow[] {
  const all = new Map<string, { stored: StoredRow; directory: string }>();
  for (const { directory, rows } of sources) {
    for (const stored of rows) {
      const key = cellKey({ ...stored.row, durationS: stored.durationS });
      const other = all.get(key);
      if (other === undefined) {
        all.set(key, { stored, directory });
      } else if (JSON.stringify(other.stored.row) !== JSON.stringify(stored.row)) {
        throw new UserError(
          `merge: ${describeCell(stored.row, written)} is in ${other.directory} and ${directory} ` +
            'with different results; allowed: each trial once',
        );
      }
    }
  }
  return [...all.values()].map(({ stored }) => stored);
}

/** The experiment whose cells the rows are: what differs among them is what it varies. */
function spanned(written: Experiment, stored: readonly StoredRow[]): Experiment {
  const durations = new Set(stored.map(({ durationS }) => durationS));
  if (durations.size > 1) {
    const all = [...durations].sort((a, b) => a - b).join(' s and ');
    throw mistake('merge', `trials of ${all} s`, 'trials of one duration');
  }
  const [durationS = written.durationS] = durations;
  const fixed: Record<string, FactorValue> = {};
  const vary: Record<string, FactorValue[]> = {};
  // What the experiment varies comes first and in its order, as in the tables of a single sweep.
  const told = Object.keys(written.vary).filter(isFactorName);
  for (const name of new Set([...told, ...FACTOR_NAMES])) {
    const values = [...new Set(stored.map(({ row }) => row.factors[name] ?? null))];
    const [only] = values;
    if (values.length > 1 || name in written.vary) vary[name] = values.sort(compareValues);
    else if (only !== undefined && only !== FACTORS[name].fallback) fixed[name] = only;
  }
  const trials = Math.max(0, ...stored.map(({ row }) => row.trial + 1));
  return { ...written, durationS, trials, fixed, vary };
}
