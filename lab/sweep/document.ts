/** Reads `results.json` and `manifest.json`, and says where a file is not what it should be. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, mistake, oneLine, UserError } from '../../src/user-error.ts';
import {
  type FactorValue,
  type Manifest,
  type Metrics,
  type ResultDocument,
  SCHEMA_VERSION,
} from '../results.ts';

const METRICS: Readonly<Record<keyof Metrics, 'number' | 'number or null' | 'boolean'>> = {
  committedOpsPerSecond: 'number',
  latencyMsP50: 'number or null',
  latencyMsP90: 'number or null',
  latencyMsP99: 'number or null',
  latencyMsP999: 'number or null',
  latencyMsMax: 'number or null',
  failed: 'number',
  unknown: 'number',
  leaderChanges: 'number',
  messagesSent: 'number',
  messagesDropped: 'number',
  bytesSent: 'number',
  acknowledgedWritesLost: 'number',
  writesAppliedTwice: 'number',
  replicasEqual: 'boolean',
};

/** The directory of an earlier run, or a line that says what is wrong with the argument. */
export function checkDirectory(argument: string, directory: string): void {
  if (!existsSync(directory) || !statSync(directory).isDirectory()) {
    throw mistake(argument, directory, 'a directory that an earlier run has written');
  }
}

/** The result document of a directory, checked down to every row. */
export function readDocument(directory: string): ResultDocument {
  const path = join(directory, 'results.json');
  if (!existsSync(path)) {
    throw new UserError(`${directory} has no results.json; allowed: a directory with one`);
  }
  const value = readJson(path);
  checkDocument(value, (what) => new UserError(`${path} is not a result document: ${what}`));
  return value;
}

/** The manifest beside it, or `undefined` where there is none. */
export function readManifest(directory: string): Manifest | undefined {
  const path = join(directory, 'manifest.json');
  if (!existsSync(path)) return undefined;
  const value = readJson(path);
  if (!isRecord(value) || !Number.isSafeInteger(value.seed) || !isRecord(value.machine)) {
    throw new UserError(`${path} is not a manifest: seed or machine is missing`);
  }
  return value as Manifest;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} cannot be read as JSON: ${oneLine(messageOf(error))}`);
  }
}

function checkDocument(
  value: unknown,
  wrong: (what: string) => UserError,
): asserts value is ResultDocument {
  if (!isRecord(value)) throw wrong('expected an object');
  if (value.schemaVersion !== SCHEMA_VERSION) {
    throw wrong(`schemaVersion is ${JSON.stringify(value.schemaVersion)}, not ${SCHEMA_VERSION}`);
  }
  if (typeof value.experiment !== 'string') throw wrong('experiment is not a text');
  const { missing, part, rows } = value;
  if (part !== undefined && !isPart(part)) throw wrong('part is not a part of a plan');
  if (missing !== undefined && !isListOf(missing, 'string')) throw wrong('missing is no list');
  if (!Array.isArray(rows)) throw wrong('rows is not a list');
  rows.forEach((row: unknown, index) => {
    const what = rowMistake(row);
    if (what !== undefined) throw wrong(`rows[${index}]${what}`);
  });
}

function rowMistake(row: unknown): string | undefined {
  if (!isRecord(row)) return ' is not an object';
  const { factors, trial, seed, metrics, audit } = row;
  if (!isRecord(factors)) return '.factors is not an object';
  // Not held against the table: results outlive the factors and ranges of their day.
  for (const [name, value] of Object.entries(factors)) {
    if (!isValue(value)) return `.factors.${name} is ${JSON.stringify(value)}`;
  }
  if (!Number.isSafeInteger(trial) || Number(trial) < 0) return '.trial is not a count';
  if (!Number.isSafeInteger(seed)) return '.seed is not a whole number';
  if (typeof audit !== 'string') return '.audit is not a text';
  if (!isRecord(metrics)) return '.metrics is not an object';
  for (const [name, kind] of Object.entries(METRICS)) {
    const value = metrics[name];
    const fits = kind.split(' or ').includes(value === null ? 'null' : typeof value);
    if (!fits) return `.metrics.${name} is not a ${kind}`;
  }
  return undefined;
}

function isValue(value: unknown): value is FactorValue {
  return value === null || ['number', 'string', 'boolean'].includes(typeof value);
}

/** `{ index, of, plan }`, as in `lab/results.ts`. */
function isPart(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value.plan)) return false;
  const { digest, durationS, fixed, seed, trials, vary } = value.plan;
  const counts = [value.index, value.of, trials];
  return (
    counts.every((count) => Number.isSafeInteger(count) && Number(count) >= 1) &&
    Number(value.index) <= Number(value.of) &&
    typeof digest === 'string' &&
    typeof durationS === 'number' &&
    Number.isSafeInteger(seed) &&
    isRecord(fixed) &&
    Object.values(fixed).every(isValue) &&
    isRecord(vary) &&
    Object.values(vary).every((values) => Array.isArray(values) && values.every(isValue))
  );
}

function isListOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
