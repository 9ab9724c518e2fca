/** What a study leaves behind, as data and as a report. */
import type { Content, Pairs } from '../report/content.ts';
import { measuredOn } from '../report/write-content.ts';
import { type Factors, type Manifest, SCHEMA_VERSION } from '../results.ts';
import { commandText } from '../sweep/complaints.ts';
import { cellText, flagOf, printed } from './cells.ts';
import type { CellOutcomes } from './pool.ts';
import type { AnyStudy, CellResult } from './study.ts';

/** A cell in `results.json`: all its trials in one row. */
export type StudyRow = {
  readonly factors: Factors;
  readonly trials: number;
  readonly metrics: Readonly<Record<string, number | null>>;
  /** `ok`, or how many trials failed. */
  readonly audit: string;
};

export type StudyDocument = {
  readonly schemaVersion: typeof SCHEMA_VERSION;
  readonly experiment: string;
  readonly seed: number;
  readonly rows: readonly StudyRow[];
};

/** Trials that failed and are told one by one; the others are counted. */
const COMPLAINTS_MAX = 20;
/** Digits of a metric: a nanosecond of a millisecond, and more than any interval leaves certain. */
const DIGITS = 6;

export function resultsOf(outcomes: readonly CellOutcomes[]): CellResult<Factors, unknown>[] {
  return outcomes.map(({ cell, outcomes: own }) => {
    const samples = own.flatMap((outcome) => ('sample' in outcome ? [outcome.sample] : []));
    return { cell, samples, failed: own.length - samples.length };
  });
}

export function documentOf(
  name: string,
  study: AnyStudy,
  seed: number,
  outcomes: readonly CellOutcomes[],
): StudyDocument {
  const rows = resultsOf(outcomes).map(({ cell, samples }, i): StudyRow => {
    const trials = outcomes[i]?.outcomes.length ?? 0;
    const failed = trials - samples.length;
    const metrics = Object.entries(study.metrics(samples, cell)).map(
      ([metric, value]) => [metric, rounded(value)] as const,
    );
    return {
      factors: cell,
      trials,
      metrics: Object.fromEntries(metrics),
      audit: failed === 0 ? 'ok' : `${failed} of ${trials} trials failed`,
    };
  });
  return { schemaVersion: SCHEMA_VERSION, experiment: name, seed, rows };
}

/** A line for each row, so that a change of one cell is a change of one line. */
export function documentText({ rows, ...head }: StudyDocument): string {
  const lines = rows.map((row) => `\n    ${JSON.stringify(row)}`).join(',');
  const fields = Object.entries(head).map(([key, value]) => `  "${key}": ${JSON.stringify(value)}`);
  return `{\n${fields.join(',\n')},\n  "rows": [${lines}\n  ]\n}\n`;
}

/** What went wrong, in sentences, each with the command that does it again. */
export function complaintsOf(
  name: string,
  study: AnyStudy,
  seed: number,
  outcomes: readonly CellOutcomes[],
): string[] {
  const cells = outcomes.map(({ cell }) => cell);
  const failed = outcomes.flatMap(({ cell, outcomes: own }) =>
    own.flatMap((outcome) => {
      if ('sample' in outcome) return [];
      const flags = Object.entries(cell).flatMap(([factor, value]) => [
        flagOf(factor),
        printed(study, factor, value),
      ]);
      const words = [name, ...flags, '--seed', String(seed), '--trial', String(outcome.trial)];
      const where = `${cellText(study, cell, cells)}, trial ${outcome.trial}`;
      return [`${where}: ${outcome.problem}; again: ${commandText(words)}`];
    }),
  );
  if (failed.length <= COMPLAINTS_MAX) return failed;
  return [...failed.slice(0, COMPLAINTS_MAX), `and ${failed.length - COMPLAINTS_MAX} more trials`];
}

export function contentOf(
  name: string,
  study: AnyStudy,
  outcomes: readonly CellOutcomes[],
  complaints: readonly string[],
  manifest: Manifest,
): Content {
  const { command, seed } = manifest;
  return {
    name,
    question: study.question,
    complaints,
    ...study.findings(resultsOf(outcomes), { seed, command }),
    provenance: study.host === 'sim' ? simulatedBy(manifest) : measuredOn(manifest),
    command,
  };
}

/** Code, time and machine are in the manifest alone: a seed gives the same report, whenever. */
function simulatedBy({ seed }: Manifest): Pairs {
  return [
    ['seed', String(seed)],
    ['time', 'virtual: the same on every machine'],
    ['code and machine', 'manifest.json'],
  ];
}

function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toFixed(DIGITS));
}
