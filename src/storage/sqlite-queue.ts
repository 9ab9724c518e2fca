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

export type Surroundings = {
  /** The next step of tidying up, if there is one. */
  tidy(): Attempt | null;
  onFull(full: boolean): void;
  /** Asked after each write, before it counts: what was written may be nowhere by now. */
  lost(): StorageError | null;
};

export class SqliteQueue {
  readonly #where: string;
  readonly #around: Surroundings;
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

  constructor(where: string, around: Surroundings) {
    this.#where = where;
    this.#around = around;
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

  /** Nothing is done from now on; who waits is told. */
  end(error: StorageError): void {
    this.#over ??= error;
    this.#stopWaiting();
    void this.#work();
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
      const tidy = halted ? null : this.#around.tidy();
      if (tidy !== null) return () => this.#tidyUp(tidy);
    }
    if (job === undefined) return null;
    this.#tidyIsNext = true;
    return () => this.#do(job);
  }

  async #do(job: Job): Promise<void> {
    const failure = job.kind === 'release' ? await failureOf(job.attempt) : await this.#try(job);
    if (failure instanceof DiskFull && !this.#closing) {
      this.#waitForRoom();
      return;
    }
    this.#jobs.splice(this.#jobs.indexOf(job), 1);
    if (failure === null && job.kind === 'write') this.#foundRoom();
    job.ended(failure);
  }

  async #try(job: Job): Promise<StorageError | null> {
    if (this.#over !== null) return this.#over;
    const failure = await failureOf(job.attempt);
    // Ended meanwhile, or to be ended: whatever came of the attempt counts for nothing.
    if (job.kind === 'write' || failure !== null) this.#over ??= this.#around.lost();
    return this.#over ?? failure;
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
    if (!this.#isFull) this.#around.onFull(true);
    this.#isFull = true;
  }

  #stopWaiting(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#tidyWaits = false;
  }

  #foundRoom(): void {
    this.#tidyWaits = false;
    if (this.#isFull) this.#around.onFull(false);
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
