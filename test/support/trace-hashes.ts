/**
 * The trace hashes of a few seeds, written down: what a seed means must be the same on every
 * machine. Any change of what nodes do or schedules hold changes them, and is then to be accepted:
 *
 *     npm run golden
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Profile, scheduleOf } from '../../lab/sim/profiles.ts';
import { runSchedule } from '../../lab/sim/run.ts';

export const HASHED_SEEDS: readonly (readonly [Profile, number])[] = [
  ...Array.from({ length: 20 }, (_, i) => ['default', i + 1] as const),
  ...Array.from({ length: 3 }, (_, i) => ['harsh', i + 1] as const),
  ...Array.from({ length: 3 }, (_, i) => ['lite', i + 1] as const),
];

const FILE = new URL('../trace-hashes.txt', import.meta.url);

/** A line a seed: profile, seed, hash. */
export function traceHashes(): string {
  const lines = HASHED_SEEDS.map(([profile, seed]) => {
    return `${profile} ${seed} ${runSchedule(scheduleOf(seed, profile)).traceHash}\n`;
  });
  return lines.join('');
}

export function writtenHashes(): string {
  return readFileSync(FILE, 'utf8');
}

if (import.meta.main) writeFileSync(FILE, traceHashes());
