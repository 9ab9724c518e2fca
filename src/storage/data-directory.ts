/**
 * Whether a data directory is still the one that was opened. A file that is open can be written to
 * long after it was removed or another took its name: what is promised then is gone at the next
 * start, which would take the directory for a blank one.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StorageError } from './storage.ts';

/** How often all files are looked at, whether or not anything is written. */
const LOOK_EVERY_MS = 1000;
/** What is left in the place of a directory that was lost, for the next start to find. */
const WORD = 'lost';

const UNSEEN = 'could not be looked at';
const REMEDY =
  'remove this server from the cluster, clear the directory, and let it join again ' +
  'under a new name';

/** The directory was removed, or its files replaced, while a server ran on it. */
export class DirectoryLost extends StorageError {
  override name = 'DirectoryLost';
}

export class DataDirectory {
  readonly #folder: string;
  /** What a file keeps for as long as it is open. */
  readonly #files: readonly { readonly name: string; readonly identity: string }[];
  readonly #onLost: (error: DirectoryLost) => void;
  readonly #looking: NodeJS.Timeout;
  #lost: DirectoryLost | null = null;

  /** The files are open, the database is the first of them. `onLost` is called at most once. */
  constructor(folder: string, files: readonly string[], onLost: (error: DirectoryLost) => void) {
    this.#folder = folder;
    this.#files = files.map((name) => ({ name, identity: identityOf(join(folder, name)) }));
    this.#onLost = onLost;
    this.#looking = setInterval(() => this.#look(this.#files.length), LOOK_EVERY_MS);
    this.#looking.unref();
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /**
   * To be asked before anything is acknowledged. Looks at the database alone: where another file is
   * missing, the next start refuses by itself.
   */
  lookAtDatabase(): DirectoryLost | null {
    return this.#look(1);
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#looking);
  }

  #look(files: number): DirectoryLost | null {
    if (this.#lost !== null) return this.#lost;
    for (const { name, identity } of this.#files.slice(0, files)) {
      const became = whatBecameOf(join(this.#folder, name), identity);
      if (became === null) continue;
      this.close();
      const what = `${name} ${became} while its server ran`;
      if (became !== UNSEEN) leaveWord(this.#folder, what);
      this.#lost = new DirectoryLost(
        `${this.#folder}: ${what}, so nothing is acknowledged any more; ` +
          `move back what was there, or ${REMEDY}`,
      );
      this.#onLost(this.#lost);
      return this.#lost;
    }
    return null;
  }
}

/** Throws DirectoryLost for one that was lost while a server ran, until somebody has seen to it. */
export function checkForWord(folder: string): void {
  const path = join(folder, WORD);
  let word: string;
  try {
    word = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  throw new DirectoryLost(
    `${folder}: ${word} (${path}); move back what was there and delete this file, or ${REMEDY}`,
  );
}

/** `recursive` of Node's own never ends where nothing can be made, as below /proc. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder);
  }
}

/** `null` if nothing did. */
function whatBecameOf(path: string, identity: string): string | null {
  try {
    return identityOf(path) === identity ? null : 'was replaced';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'was removed' : UNSEEN;
  }
}

function identityOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

function leaveWord(folder: string, what: string): void {
  try {
    makeFolder(folder);
    writeFileSync(join(folder, WORD), `${what}, as of ${new Date().toISOString()}\n`);
  } catch {
    // Then the next start has to do without; this one tells of it either way.
  }
}
