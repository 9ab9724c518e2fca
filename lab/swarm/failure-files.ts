/** What is kept of a failure: the schedule that repeats it, and its run to read and to look at. */
import { join } from 'node:path';
import { formatHistory } from '../history-file.ts';
import { checkLinearizability } from '../linearizability.ts';
import { historyPage } from '../report/history-picture.ts';
import { spaceTimeSvg } from '../report/space-time.ts';
import type { Schedule } from '../schedule.ts';
import { formatSchedule } from '../schedule-file.ts';
import type { RunResult } from '../verdict.ts';
import { makeDirectory, writeText } from './files.ts';

/** The name of the schedule within the directory. */
export const SCHEDULE_FILE = 'schedule.json';

/**
 * Writes the files of a failure and returns their names. The result must have its trace; the
 * directory is made if need be.
 */
export function writeFailure(directory: string, schedule: Schedule, result: RunResult): string[] {
  const { trace, history, verdict } = result;
  if (trace === null) throw new Error('writeFailure: the result has no trace');
  const violation = verdict.kind === 'violation' ? verdict.violation : null;
  const title =
    violation === null ? schedule.name : `${violation.property} broken: ${schedule.name}`;
  const files: Readonly<Record<string, string>> = {
    [SCHEDULE_FILE]: formatSchedule(schedule),
    'trace.txt': `${trace.lines.join('\n')}\n`,
    'history.ndjson': formatHistory(history),
    'spacetime.svg': spaceTimeSvg(trace, { violation, title }),
    'timeline.html': historyPage(history, checkLinearizability(history), title),
  };
  makeDirectory('--shrink', directory);
  for (const [name, text] of Object.entries(files)) {
    writeText('--shrink', join(directory, name), text);
  }
  return Object.keys(files);
}
