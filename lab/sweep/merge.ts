/** Joins what the shards of a sweep have written into one result. */

import { mistake, UserError } from '../../src/user-error.ts';
import type { Experiment } from '../experiment.ts';
import { type FactorValue, type Part, SCHEMA_VERSION } from '../results.ts';
import type { Catalogue } from './catalogue.ts';
import { readStore, type StoredRow } from './cell-store.ts';
import { type Cell, cellKey, compareValues, describeCell } from './cells.ts';
import { checkDirectory, readDocument, readManifest } from './document.ts';
import { FACTOR_NAMES, FACTORS, isFactorName } from './factors.ts';
import { originOf } from './manifest.ts';
import { missingParts, plannedCells, plannedExperiment, WHOLE } from './plan.ts';

export type Merged = {
  name: string;
  /** The experiment as it is written. */
  written: Experiment;
  /** The experiment that was planned, or where that is unknown the one that the rows span. */
  experiment: Experiment;
  stored: readonly StoredRow[];
  /** The whole of the plan, where all rows are of one. */
  part: Part | undefined;
  /** What of it is missing, in phrases. */
  missing: readonly string[];
  /** The `--seed` of each part. */
  baseSeeds: readonly number[];
  notes: readonly string[];
};

type Source = {
  directory: string;
  experiment: string;
  baseSeed: number | undefined;
  part: Part | undefined;
  rows: StoredRow[];
};

/** A source that says which part it is. */
type Planned = Source & { part: Part; cells: readonly Cell[] };

/**
 * Reads all directories. A trial may come twice only when it is the same to the last digit, and
 * none of a plan may be missing unless the result is to be `partial`.
 */
export async function mergeSources(
  directories: readonly string[],
  catalogue: Catalogue,
  partial: boolean,
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
  const name = first.experiment;
  const written = await catalogue.load(name);
  const seeds = sources.flatMap(({ baseSeed }) => baseSeed ?? []);
  const baseSeeds = [...new Set(seeds)];
  const known = sources.map((source) => plannedSource(source, written) ?? source);
  const planned = known.filter(isPlanned);
  const unknown = known.filter((source) => !isPlanned(source));
  const stored = joined(known, written);
  const span = spanned(written, stored);
  const notes = unknown.map(
    ({ directory }) =>
      `${directory} does not say which part of which plan it is: ` +
      'whether trials are missing is unknown',
  );
  const one = onePlan(planned);
  if (one === undefined) {
    const whole = { name, written, experiment: span, stored, part: undefined, missing: [] };
    return { ...whole, baseSeeds, notes: [...notes, ...gaps(span, stored)] };
  }
  const { cells, part } = one;
  const experiment = plannedExperiment(written, part.plan);
  const found = planned.map((source) => ({ ...source.part, directory: source.directory }));
  const rows = stored.map(({ row }) => row);
  const missing = missingParts(experiment, cells, rows, found);
  if (missing.length > 0 && !partial) {
    const allowed = 'all parts of a plan with all trials, or --partial to join what there is';
    throw new UserError(`merge: ${missing.join('; ')}; allowed: ${allowed}`);
  }
  const ofPlan = new Set(cells.map(({ seed }) => seed));
  const isSpanned = rows.some(({ seed }) => !ofPlan.has(seed));
  return {
    name,
    written,
    experiment: isSpanned ? span : experiment,
    stored,
    part: isSpanned ? undefined : { ...WHOLE, plan: part.plan },
    missing,
    baseSeeds,
    notes,
  };
}

/**
 * With the rows that its plan asks for: its store may hold others, of a run before. `undefined`
 * where it tells of no plan, or of one that this code does not make.
 */
function plannedSource(source: Source, written: Experiment): Planned | undefined {
  const { experiment, part, rows } = source;
  const cells = part && plannedCells(experiment, written, part.plan);
  if (part === undefined || cells === undefined) return undefined;
  const ofPlan = new Set(cells.map(({ seed }) => seed));
  const own = rows.filter(
    ({ durationS, row }) => durationS === part.plan.durationS && ofPlan.has(row.seed),
  );
  return { ...source, part, cells, rows: own };
}

function isPlanned(source: Source | Planned): source is Planned {
  return 'cells' in source;
}

/**
 * The plan of all sources that have one. Whole sweeps may be of several, as nothing of them is
 * missing; `undefined` then.
 */
function onePlan(planned: readonly Planned[]): Planned | undefined {
  const [first] = planned;
  const other = planned.find(({ part }) => part.plan.digest !== first?.part.plan.digest);
  if (first === undefined || other === undefined) return first;
  if (planned.every(({ cells, rows }) => rows.length === cells.length)) return undefined;
  const names = [first, other].map(({ directory, part: { index, of, plan } }) => {
    return `${directory} (part ${index} of ${of} of plan ${plan.digest})`;
  });
  throw mistake('merge', names.join(' and '), 'parts of one plan');
}

/** For sweeps of several plans, or of none that is known. */
function gaps(span: Experiment, stored: readonly StoredRow[]): string[] {
  const combinations = Object.values(span.vary).reduce((n, list) => n * list.length, 1);
  const missing = combinations * span.trials - stored.length;
  return missing > 0 ? [`${missing} trials of the sweep that the rows span are missing`] : [];
}

/** The store where there is one, since it is complete even after an interruption. */
async function readSource(directory: string, catalogue: Catalogue): Promise<Source> {
  checkDirectory('merge', directory);
  const store = await readStore(directory);
  if (store !== undefined) {
    const { experiment, part, schemaVersion, seed } = store.header;
    if (schemaVersion !== SCHEMA_VERSION) {
      const came = `${directory} (schema ${schemaVersion})`;
      throw mistake('merge', came, `results of schema ${SCHEMA_VERSION}`);
    }
    return { directory, experiment, baseSeed: seed, part, rows: [...store.rows.values()] };
  }
  const { experiment, part, rows } = readDocument(directory);
  const manifest = readManifest(directory);
  const origin = manifest === undefined ? 'an unknown origin' : originOf(manifest);
  const written = await catalogue.load(experiment);
  const durationS = durationOf(manifest?.command ?? '', written);
  return {
    directory,
    experiment,
    baseSeed: manifest?.seed,
    part,
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
