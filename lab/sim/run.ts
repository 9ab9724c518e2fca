/** Runs a schedule in the simulator. */
import type { Schedule } from '../schedule.ts';
import type { RunResult } from '../verdict.ts';
import { fnv1a } from './checksum.ts';
import { Simulation } from './simulation.ts';

/** Deterministic and synchronous; the trace is kept only if asked for, as it is large. */
export function runSchedule(schedule: Schedule, options: { trace?: boolean } = {}): RunResult {
  return new Simulation(schedule, fnv1a, options.trace ?? false).run();
}
