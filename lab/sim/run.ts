/** Runs a schedule in the simulator, with the checksum that nodes on Node.js use. */
import { crc32 } from 'node:zlib';
import type { Schedule } from '../schedule.ts';
import type { RunResult } from '../verdict.ts';
import { Simulation } from './simulation.ts';

/** Deterministic and synchronous; the trace is kept only if asked for, as it is large. */
export function runSchedule(schedule: Schedule, options: { trace?: boolean } = {}): RunResult {
  return new Simulation(schedule, crc32, options.trace ?? false).run();
}
