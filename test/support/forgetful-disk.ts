/**
 * A disk that forgets: what a process did to the files of a directory, step by step, as its system
 * calls say, and what a power failure after any of them may leave. What was synced is there. Of
 * what was not, any part may be: a file's name is durable with its folder, its bytes with itself.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { between, chance, type RandomState } from '../../src/raft/random.ts';

export type Step =
  | { readonly kind: 'make' | 'unlink' | 'sync'; readonly name: string }
  | { readonly kind: 'write'; readonly name: string; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'cut'; readonly name: string; readonly size: number }
  | { readonly kind: 'syncFolder' }
  /** What the process printed. */
  | { readonly kind: 'said'; readonly text: string };

/** File contents by name. */
export type Image = ReadonlyMap<string, Buffer>;

// ---- Tracing ------------------------------------------------------------------------------------

const CALLS = 'openat,creat,write,pwrite64,pwritev,writev,ftruncate,truncate,fsync,fdatasync';
const NAMING = 'rename,renameat,renameat2,unlink,unlinkat,link,linkat';
/** Longer than anything that is written at once. */
const STRING_BYTES = 1 << 22;
const TRACE = ['-f', '-y', '-xx', '-e', 'signal=none', '-s', String(STRING_BYTES)];

/** Why nothing can be traced here, or `null`. */
export async function whyUntraced(): Promise<string | null> {
  const probe = await ended('strace', ['-o', '/dev/null', process.execPath, '--version']);
  return probe.status === 0 ? null : `strace cannot be used here (${probe.text.trim()})`;
}

/**
 * The steps of a process that has the directory to itself, where these files are; it must end with
 * status 0.
 */
export async function traced(
  words: readonly string[],
  folder: string,
  names: readonly string[] = [],
): Promise<Step[]> {
  const trace = `${folder}.trace`;
  const calls = ['-e', `trace=${CALLS},${NAMING}`];
  const run = await ended('strace', [...TRACE, ...calls, '-o', trace, process.execPath, ...words]);
  if (run.status !== 0) throw new Error(`${words.join(' ')} ended with ${run.status}: ${run.text}`);
  return stepsIn(readFileSync(trace, 'latin1'), { folder, names: new Set(names) });
}

function ended(command: string, words: readonly string[]) {
  return new Promise<{ status: number | null; text: string }>((resolve) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    child.once('error', (error) => resolve({ status: null, text: error.message }));
    child.once('close', (status) => resolve({ status, text }));
  });
}

const LINE = /^(\d+) +(.*)$/;
const CALL = /^(\w+)\((.*)\) += (-?\d+)/s;

function stepsIn(trace: string, known: Known): Step[] {
  const steps: Step[] = [];
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', said = ''] = LINE.exec(line) ?? [];
    if (said.endsWith('<unfinished ...>')) {
      begun.set(thread, said.slice(0, -'<unfinished ...>'.length).trimEnd());
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(said);
    const [, call, words = '', result] =
      CALL.exec(resumed === null ? said : `${begun.get(thread)}${resumed[1]}`) ?? [];
    if (call === undefined || Number(result) < 0) continue;
    const step = stepOf(call, words, Number(result), known);
    if (step !== null) steps.push(step);
  }
  return steps;
}

type Known = { readonly folder: string; readonly names: Set<string> };

/** `null` for what does nothing to the directory. */
function stepOf(call: string, words: string, result: number, known: Known): Step | null {
  const file = /^\d+<([^>]*)>/.exec(words);
  if (file === null || call === 'openat') return namingOf(call, words, known);
  const path = textOf(file[1] ?? '');
  const name = basename(path);
  if (call.startsWith('write') && words.startsWith('1<')) {
    return { kind: 'said', text: stringsIn(words)[0]?.toString().trim() ?? '' };
  }
  if (path === known.folder) return call === 'fsync' ? { kind: 'syncFolder' } : null;
  if (dirname(path) !== known.folder || !known.names.has(name)) return null;
  switch (call) {
    case 'fsync':
    case 'fdatasync':
      return { kind: 'sync', name };
    case 'ftruncate':
      return { kind: 'cut', name, size: numberAtEnd(words) };
    case 'pwrite64': {
      const bytes = stringsIn(words)[0] ?? Buffer.alloc(0);
      return { kind: 'write', name, at: numberAtEnd(words), bytes: bytes.subarray(0, result) };
    }
    default:
      throw new Error(`${call} of ${name} is not understood`);
  }
}

function namingOf(call: string, words: string, { folder, names }: Known): Step | null {
  const path = textOf(stringsIn(words)[0]?.toString() ?? '');
  if (dirname(path) !== folder) return null;
  const name = basename(path);
  if (call === 'openat') {
    if (words.includes('O_TRUNC')) throw new Error(`${name} is emptied: not understood`);
    if (!words.includes('O_CREAT') || names.has(name)) return null;
    names.add(name);
    return { kind: 'make', name };
  }
  if (call !== 'unlink') throw new Error(`${call} of ${name} is not understood`);
  return names.delete(name) ? { kind: 'unlink', name } : null;
}

function numberAtEnd(words: string): number {
  return Number(words.slice(words.lastIndexOf(',') + 1));
}

function stringsIn(words: string): Buffer[] {
  return [...words.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex'),
  );
}

function textOf(path: string): string {
  return path.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

// ---- Forgetting ---------------------------------------------------------------------------------

const SECTOR_BYTES = 512;

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly size: number };
type File = { durable: Buffer; unsynced: Change[] };

export class ForgetfulDisk {
  #names = new Map<string, File>();
  #durableNames = new Map<string, File>();

  take(step: Step): void {
    switch (step.kind) {
      case 'make':
        this.#names.set(step.name, { durable: Buffer.alloc(0), unsynced: [] });
        break;
      case 'unlink':
        this.#names.delete(step.name);
        break;
      case 'write':
      case 'cut':
        this.#file(step.name).unsynced.push(step);
        break;
      case 'sync': {
        const file = this.#file(step.name);
        file.durable = contentOf(file, file.unsynced);
        file.unsynced = [];
        break;
      }
      case 'syncFolder':
        this.#durableNames = new Map(this.#names);
        break;
      default:
    }
  }

  /** What a process that is killed now leaves: the system has it all. */
  get image(): Image {
    return imageOf(this.#names, ({ unsynced }) => unsynced);
  }

  /** What a power failure may leave now, by what it leaves of what was not synced. */
  *images(rng: RandomState): Generator<readonly [what: string, image: Image], undefined> {
    const everything = ({ unsynced }: File): readonly Change[] => unsynced;
    const nothing = (): readonly Change[] => [];
    yield ['none of it', imageOf(this.#durableNames, nothing)];
    yield ['all of it', this.image];
    yield ['names alone', imageOf(this.#names, nothing)];
    yield ['bytes alone', imageOf(this.#durableNames, everything)];
    const unsynced = [...this.#names].filter(([, file]) => file.unsynced.length > 0);
    for (const [name, only] of unsynced) {
      yield [`${name} alone`, imageOf(this.#names, (file) => (file === only ? file.unsynced : []))];
      const torn = (file: File) => (file === only ? tornOf(file.unsynced, rng) : file.unsynced);
      yield [`a torn write of ${name}`, imageOf(this.#names, torn)];
    }
    if (unsynced.length > 0) {
      yield ['some sectors', imageOf(this.#names, ({ unsynced: all }) => someOf(all, rng))];
    }
  }

  #file(name: string): File {
    const file = this.#names.get(name);
    if (file === undefined) throw new Error(`there is no ${name}`);
    return file;
  }
}

export function writeImage(folder: string, image: Image): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of image) writeFileSync(join(folder, name), content);
}

function imageOf(names: Map<string, File>, kept: (file: File) => readonly Change[]): Image {
  return new Map([...names].map(([name, file]) => [name, contentOf(file, kept(file))]));
}

function contentOf({ durable }: File, changes: readonly Change[]): Buffer {
  let content = durable;
  for (const change of changes) {
    if ('size' in change) {
      content = Buffer.concat([content.subarray(0, change.size)], change.size);
      continue;
    }
    const { at, bytes } = change;
    content = Buffer.concat([content], Math.max(content.byteLength, at + bytes.byteLength));
    bytes.copy(content, at);
  }
  return content;
}

/** The last write as far as some sector; sectors are whole. */
function tornOf(changes: readonly Change[], rng: RandomState): readonly Change[] {
  const last = changes.at(-1);
  if (last === undefined || 'size' in last) return changes.slice(0, -1);
  const parts = sectorsOf(last);
  return [...changes.slice(0, -1), ...parts.slice(0, between(rng, 0, parts.length - 1))];
}

function someOf(changes: readonly Change[], rng: RandomState): readonly Change[] {
  const parts = changes.flatMap((change) => ('size' in change ? [change] : sectorsOf(change)));
  return parts.filter(() => chance(rng, 0.5));
}

function sectorsOf({ at, bytes }: { at: number; bytes: Buffer }): Change[] {
  const parts: Change[] = [];
  for (let from = 0; from < bytes.byteLength; ) {
    const to = Math.min(bytes.byteLength, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
    parts.push({ at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return parts;
}
