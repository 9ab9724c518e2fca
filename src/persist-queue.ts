/**
 * What stands between a node's decisions and its disk: changes wait for the disk to be free, and
 * what promises them waits until they are durable (§3.8).
 */
import type { PersistChange } from './raft/types.ts';
import type { Storage, StorageError } from './storage/storage.ts';

/** A wait, by the sequence number of the last persist that it is for. */
type Held = { readonly sequence: number; readonly release: () => void };

export class PersistQueue {
  readonly #storage: Storage;
  /** Told whenever more is durable, after what waited for it has been released. */
  readonly #persisted: (sequence: number) => void;
  readonly #failed: (error: StorageError) => void;
  #persisting = false;
  #unsaved: PersistChange[] = [];
  #issuedSequence = 0;
  #durableSequence = 0;
  /** The latest persist that changed term or vote: what every message waits for. */
  #termSequence = 0;
  #held: Held[] = [];
  #stopped = false;

  constructor(
    storage: Storage,
    persisted: (sequence: number) => void,
    failed: (error: StorageError) => void,
  ) {
    this.#storage = storage;
    this.#persisted = persisted;
    this.#failed = failed;
  }

  stop(): void {
    this.#stopped = true;
  }

  persist(sequence: number, change: PersistChange): void {
    this.#issuedSequence = sequence;
    if (change.termAndVote !== null) this.#termSequence = sequence;
    this.#unsaved.push(change);
    if (!this.#persisting) this.#persistAll();
  }

  /** Is all durable that such an effect waits for (types.ts, Effect)? */
  isDurable(after: 'term' | 'log'): boolean {
    return this.#awaited(after) <= this.#durableSequence;
  }

  /** Calls `release` when it is; at once if it is already. */
  whenDurable(after: 'term' | 'log', release: () => void): void {
    if (this.isDurable(after)) release();
    else this.#held.push({ sequence: this.#awaited(after), release });
  }

  #awaited(after: 'term' | 'log'): number {
    return after === 'log' ? this.#issuedSequence : this.#termSequence;
  }

  /** Group commit: whatever has gathered while the disk was busy is its next unit. */
  #persistAll(): void {
    this.#persisting = true;
    const changes = this.#unsaved;
    const sequence = this.#issuedSequence;
    this.#unsaved = [];
    this.#storage.persist(changes, (error) => {
      this.#persisting = false;
      if (this.#stopped) return;
      if (error !== null) {
        this.#failed(error);
        return;
      }
      this.#durableSequence = sequence;
      this.#releaseHeld();
      this.#persisted(sequence);
      const more = this.#unsaved.length > 0 && !this.#persisting;
      if (more && !this.#stopped) this.#persistAll();
    });
  }

  #releaseHeld(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const wait of held) {
      if (this.#stopped) return;
      if (wait.sequence <= this.#durableSequence) wait.release();
      else this.#held.push(wait);
    }
  }
}
