/** What the command needs from outside; what is costly to load is loaded when it is used. */
import type { Schedule } from '../schedule.ts';
import type { Profile } from '../sim/profiles.ts';
import type { Output } from '../sweep/progress.ts';
import type { RunResult } from '../verdict.ts';
import type { SingleRequest } from './arguments.ts';
import type { SeedSummary } from './seed-summary.ts';

export type Simulator = {
  runSchedule(schedule: Schedule, options?: { trace?: boolean }): RunResult;
  scheduleOf(seed: number, profile: Profile): Schedule;
};

/** Threads that run seeds. */
export type Pool = {
  readonly threads: number;
  run(seed: number, profile: Profile): Promise<SeedSummary>;
  /** Ends the threads, whatever they are at; what they run is rejected. */
  close(): Promise<void>;
};

/** What one run needs, in a thread of its own or with a test. */
export type SingleContext = {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Failures go to `failures/` below it. */
  readonly resultsDirectory: string;
  /** The commit checked out; `null` where there is none. */
  commit(): string | null;
  nowMs(): number;
  /** With a bug of the zoo planted in the source, if one is named. */
  simulator(mutant?: string): Promise<Simulator>;
  interruption(): { signal: AbortSignal; release(): void };
};

export type Context = Omit<SingleContext, 'simulator'> & {
  readonly words: readonly string[];
  /** Makes one run and returns the exit status. */
  single(request: SingleRequest): Promise<number>;
  /** `undefined`: as many threads as there are cores. */
  pool(threads: number | undefined, hangMs: number): Promise<Pool>;
};

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_MISTAKE = 2;

const COLUMNS_MAX = 100;

export function columnsOf({ columns }: Pick<Output, 'columns'>): number {
  return Math.min(columns ?? 80, COLUMNS_MAX);
}
