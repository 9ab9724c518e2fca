/**
 * What the index knows of each experiment, read from its directory: question, answer and picture
 * from the head of `report.md`, time, commit and command from `manifest.json`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, oneLine, UserError } from '../../src/user-error.ts';
import type { Manifest } from '../results.ts';
import { shownPath } from '../sweep/output-directory.ts';

export type Entry = {
  /** The name of its directory. */
  readonly name: string;
  /** As Markdown, as all text from the report. */
  readonly question: string;
  readonly answer: string;
  readonly mark: Mark;
  /** The first of the report; `file` lies in the same directory. */
  readonly picture: Picture;
  readonly manifest: Pick<Manifest, 'command' | 'commit' | 'finishedAt'>;
};

export type Picture = {
  readonly alt: string;
  readonly file: string;
  /** In pixels, as it is drawn. */
  readonly width: number;
  readonly height: number;
};

/** Whether all that was promised held; the last one: there was nothing to judge. */
export type Mark = 'passed' | 'failed' | 'none';

const MARKS: Readonly<Record<string, Mark>> = {
  '✅': 'passed',
  '❌ **FAILED**': 'failed',
  '⚠️': 'none',
};
const QUESTION = /^# (?<question>.+)\n/;
const ANSWER = /^> (?<mark>✅|❌ \*\*FAILED\*\*|⚠️) (?<answer>.+)$/mu;
const PICTURE = /^!\[(?<alt>.+)\]\((?<file>[\w.%-]+\.svg)\)$/m;

/** Runs with flags, what is kept of failures, and runs that left no file: none is committed. */
const NOT_RESULTS = /(?:-custom$|^failures$|^\.)/;
const SIZE = /^<svg [^>]*\bwidth="(?<width>[\d.]+)" height="(?<height>[\d.]+)"/;
const STORES = /^cells\.sqlite/;

/** One for each directory of results, sorted by name. */
export async function readEntries(resultsDirectory: string): Promise<Entry[]> {
  const found = await directoriesIn(resultsDirectory);
  const entries: Entry[] = [];
  for (const name of found.filter((each) => !NOT_RESULTS.test(each)).sort()) {
    const directory = join(resultsDirectory, name);
    const files = (await readdir(directory)).filter((file) => !STORES.test(file));
    if (files.length > 0) entries.push(await readEntry(directory, name, files));
  }
  return entries;
}

async function directoriesIn(parent: string): Promise<string[]> {
  try {
    const found = await readdir(parent, { withFileTypes: true });
    return found.filter((each) => each.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const came = oneLine(messageOf(error));
    throw new UserError(`a directory of results expected, but ${came}; name one that is there`);
  }
}

async function readEntry(
  directory: string,
  name: string,
  files: readonly string[],
): Promise<Entry> {
  for (const file of ['report.md', 'report.html', 'manifest.json']) {
    if (!files.includes(file)) throw lacking(directory, file, 'there is none');
  }
  const report = await readFile(join(directory, 'report.md'), 'utf8');
  const part = (pattern: RegExp, expected: string): Record<string, string> => {
    const groups = pattern.exec(report)?.groups;
    if (groups === undefined) throw lacking(directory, `report.md with ${expected}`, 'it has none');
    return groups;
  };
  const { question = '' } = part(QUESTION, "a question in its first line, '# …'");
  const { answer = '', mark = '' } = part(ANSWER, "an answer in a line '> ✅ …'");
  const { alt = '', file = '' } = part(PICTURE, "a picture in a line '![…](….svg)'");
  if (!files.includes(file)) throw lacking(directory, file, 'there is none');
  const picture = { alt, file, ...(await readSize(directory, file)) };
  const manifest = await readManifest(directory);
  return { name, question, answer, mark: MARKS[mark] ?? 'none', picture, manifest };
}

async function readSize(
  directory: string,
  file: string,
): Promise<Pick<Picture, 'width' | 'height'>> {
  const text = await readFile(join(directory, file), 'utf8');
  const size = SIZE.exec(text)?.groups;
  if (size === undefined) throw lacking(directory, `${file} with a width and a height`, text);
  return { width: Number(size.width), height: Number(size.height) };
}

async function readManifest(directory: string): Promise<Entry['manifest']> {
  const text = await readFile(join(directory, 'manifest.json'), 'utf8');
  const { command, commit, finishedAt } = fieldsOf(text);
  const isWhole =
    typeof command === 'string' &&
    (commit === null || typeof commit === 'string') &&
    typeof finishedAt === 'string' &&
    !Number.isNaN(Date.parse(finishedAt));
  if (isWhole) return { command, commit, finishedAt };
  const expected = 'manifest.json with command, commit and finishedAt';
  throw lacking(directory, expected, text === '' ? 'nothing' : text);
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) };
  } catch {
    return {};
  }
}

const SHOWN_MAX = 60;

function lacking(directory: string, expected: string, came: string): UserError {
  const short = oneLine(came).slice(0, SHOWN_MAX);
  return new UserError(
    `${shownPath(directory)}: ${expected} expected, but ${short}; ` +
      'run the experiment again, or remove the directory',
  );
}
