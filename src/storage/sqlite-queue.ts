/**
 * What is done on a database, one thing at a time and in order. A write that finds no room is
 * tried again until there is some: to the node, a full disk is a slow disk. Tidying up goes on
 * between the writes, a small step after each.
 */
import { DiskFull } from './sqlite-file.ts';
import { StorageError } from './storage.ts';

const RETRY_AFTER_MS = 200;

/** Throws StorageError; after DiskFull it is called again, and goes on where it was. */
export type Attempt = () => Promise<void>;

type Job = {
  readonly kind: 'read' | 'write' | 'release';
  readonly attempt: Attempt;
  readonly ended: (error: StorageError | null) => void;
};

export class SqliteQueue {
  readonly #where: string;
  /** The next step of tidying up, if there is one. */
  readonly #tidy: () => Attempt | null;
  readonly #onFull: (full: boolean) => void;
  readonly #jobs: Job[] = [];
  #working = false;
  #tidyIsNext = false;
  /** Tidying up found no room: it waits until something else finds some. */
  #tidyWaits = false;
  #retry: NodeJS.Timeout | null = null;
  #isFull = false;
  #closing = false;
  /** Why nothing is done any more. */
  #over: StorageError | null = null;

  constructor(where: string, tidy: () => Attempt | null, onFull: (full: boolean) => void) {
    this.#where = where;
    this.#tidy = tidy;
    this.#onFull = onFull;
  }

  write(attempt: Attempt, ended: Job['ended']): void {
    this.#add({ kind: 'write', attempt, ended });
  }

  /** Does not wait behind a write that waits for room. */
  read(attempt: Attempt, ended: Job['ended']): void {
    this.#add({ kind: 'read', attempt, ended });
  }

  /** All that is in the queue is tried once more, then the last is done. */
  close(release: Attempt, ended: Job['ended']): void {
    this.#closing = true;
    this.#stopWaiting();
    const attempt = async (): Promise<void> => {
      this.#over ??= new StorageError(`${this.#where}: closed`);
      await release();
    };
    this.#add({ kind: 'release', attempt, ended });
  }

  #add(job: Job): void {
    this.#jobs.push(job);
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let next = this.#next(); next !== null; next = this.#next()) await next();
    this.#working = false;
  }

  /** In turns, so that neither waits for more than a step of the other. */
  #next(): Attempt | null {
    const isWaiting = this.#retry !== null;
    const job = isWaiting ? this.#jobs.find(({ kind }) => kind === 'read') : this.#jobs[0];
    if (job === undefined || this.#tidyIsNext) {
      this.#tidyIsNext = false;
      const halted = this.#tidyWaits || this.#closing || this.#over !== null;
      const tidy = halted ? null : this.#tidy();
      if (tidy !== null) return () => this.#tidyUp(tidy);
    }
    if (job === undefined) return null;
    this.#tidyIsNext = true;
    return () => this.#do(job);
  }

  async #do(job: Job): Promise<void> {
    const over = job.kind === 'release' ? null : this.#over;
    const failure = over ?? (await failureOf(job.attempt));
    if (failure instanceof DiskFull && !this.#closing) {
      this.#waitForRoom();
      return;
    }
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
    if (failure === null && job.kind === 'write') this.#foundRoom();
    job.ended(failure);
  }

  async #tidyUp(tidy: Attempt): Promise<void> {
    const failure = await failureOf(tidy);
    if (failure instanceof DiskFull) this.#tidyWaits = true;
    // Nobody waits for it, so the next who comes is told.
    else this.#over ??= failure;
  }

  #waitForRoom(): void {
    this.#retry = setTimeout(() => {
      this.#stopWaiting();
      void this.#work();
    }, RETRY_AFTER_MS);
    if (!this.#isFull) this.#onFull(true);
    this.#isFull = true;
  }

  #stopWaiting(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#tidyWaits = false;
  }

  #foundRoom(): void {
    this.#tidyWaits = false;
    if (this.#isFull) this.#onFull(false);
    this.#isFull = false;
  }
}

async function failureOf(attempt: Attempt): Promise<StorageError | null> {
  try {
    await attempt();
    return null;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}
