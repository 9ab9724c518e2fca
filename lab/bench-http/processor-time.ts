/** What processes have taken of the cores so far; only Linux says so of another process. */
import { readFileSync } from 'node:fs';

/** Of `/proc/<pid>/stat`, as Linux counts everywhere for user space. */
const TICKS_PER_SECOND = 100;
/** Fields 14 and 15, counted from the one after the name, which may hold spaces. */
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/** In seconds, of all threads; `null` where it cannot be known. */
export function processorSeconds(processIds: readonly number[]): number | null {
  try {
    return processIds.reduce((sum, id) => sum + secondsOf(id), 0);
  } catch {
    return null;
  }
}

function secondsOf(processId: number): number {
  const text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) / TICKS_PER_SECOND;
}
