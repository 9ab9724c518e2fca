/**
 * A thread for one mutant, since what it has loaded stays loaded. It is ended when it hangs, and
 * another takes its place.
 */
import { Piscina } from 'piscina';
import { scheduleOf } from '../sim/profiles.ts';
import { hangText, limitFor, watch } from '../watchdog.ts';
import type { Mutant } from './mutant.ts';
import type { Hunt, HuntResult, ShrinkResult, ShrinkTask, WorkerData } from './worker.ts';

/** Stands where the property does that a run has broken. */
export const HANG = 'hang';

const WORKER = new URL('./worker.ts', import.meta.url);

export class Hunter {
  readonly #pool: Piscina;
  /** As `WorkerData` says. */
  readonly #beats = new Int32Array(new SharedArrayBuffer(12));
  readonly #hangMs: number;
  readonly #signal: AbortSignal;

  /** Without mutants: the code as it is. Whatever runs rejects when `signal` aborts. */
  constructor(mutants: readonly Mutant[], hangMs: number, signal: AbortSignal) {
    this.#hangMs = hangMs;
    this.#signal = signal;
    this.#pool = new Piscina({
      filename: WORKER.href,
      workerData: { mutants, beats: this.#beats } satisfies WorkerData,
      minThreads: 1,
      maxThreads: 1,
      atomics: 'disabled',
    });
  }

  /** Runs seeds until one breaks a property, or hangs, which is told as a property, `hang`. */
  async hunt(hunt: Hunt): Promise<HuntResult> {
    const beganMs = performance.now();
    this.#beats.fill(0);
    // What a seed has taken so far, on average.
    const limitMs = (): number => {
      const ended = Atomics.load(this.#beats, 1) - 1;
      return limitFor(this.#hangMs, ended < 1 ? null : Atomics.load(this.#beats, 2) / ended);
    };
    const result = await this.#run<HuntResult>('hunt', hunt, limitMs);
    if (result !== null) return result;
    const seedsRun = Math.max(1, Atomics.load(this.#beats, 1));
    const seed = hunt.from + seedsRun - 1;
    const violation = { property: HANG, message: hangText(limitMs()), atMs: 0 };
    const caught = { seed, violation, schedule: scheduleOf(seed, hunt.profile) };
    return { seedsRun, wallMs: Math.round(performance.now() - beganMs), caught, reached: {} };
  }

  /** `null` if a run hangs on the way. */
  shrink(task: ShrinkTask): Promise<ShrinkResult | null> {
    return this.#run('shrinkCatch', task, () => this.#hangMs);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #run<Result>(
    name: string,
    task: Hunt | ShrinkTask,
    limitMs: () => number,
  ): Promise<Result | null> {
    const hang = new AbortController();
    const release = watch({
      beat: () => Atomics.load(this.#beats, 0),
      limitMs,
      hung: () => hang.abort(),
    });
    try {
      const signal = AbortSignal.any([this.#signal, hang.signal]);
      return await this.#pool.run(task, { name, signal });
    } catch (error) {
      if (!hang.signal.aborted) throw error;
      return null;
    } finally {
      release();
    }
  }
}
