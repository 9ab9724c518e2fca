/**
 * Large bodies, which take longer to read than heartbeats can wait: one after the other in a thread
 * of their own, which is there while it is needed and for a while after.
 */
import { Worker } from 'node:worker_threads';
import type { BodyFields, BodyTask } from './body-fields.ts';

const IDLE_MS = 10_000;
/** A body of 4 MiB takes less, whatever is in it. */
const HEAP_MAX = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 };

type Read = (error: Error | null, read: BodyFields | null) => void;

export class LargeBodies {
  readonly #queue: { readonly task: BodyTask; readonly done: Read }[] = [];
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;

  /** The bytes of the body are given away. */
  read(task: BodyTask, done: Read): void {
    this.#queue.push({ task, done });
    if (this.#queue.length === 1) this.#begin();
  }

  close(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = null;
  }

  #begin(): void {
    const next = this.#queue[0];
    if (next === undefined) return;
    if (this.#idle !== null) clearTimeout(this.#idle);
    try {
      this.#worker ??= this.#start();
      // A buffer of this length has memory of its own.
      this.#worker.postMessage(next.task, [next.task.body.buffer as ArrayBuffer]);
    } catch (error) {
      this.#end(error as Error, null);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL('./body-worker.ts', import.meta.url), {
      resourceLimits: HEAP_MAX,
    });
    worker.unref();
    worker.on('message', (read: BodyFields) => this.#end(null, read));
    // Out of memory, or there was none for it to begin with: the next body gets another.
    worker.on('error', (error) => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#end(error, null);
    });
    return worker;
  }

  #end(error: Error | null, read: BodyFields | null): void {
    this.#queue.shift()?.done(error, read);
    if (this.#queue.length > 0) this.#begin();
    else this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
  }
}
