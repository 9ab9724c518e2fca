/** A server's log: a line of JSON per event, on standard output or appended to a file. */
import { openSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import { messageOf, mistake } from './user-error.ts';

const STANDARD_OUTPUT = 1;

/** Throws a UserError where the file cannot be written. */
export function createLogger({ logLevel, logFile, nodeId }: Config): Logger {
  const destination = logFile === null ? STANDARD_OUTPUT : openLog(logFile);
  return pino(
    {
      level: logLevel,
      base: { id: nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Each line is out before the next: a crash takes nothing of the log with it.
    pino.destination({ dest: destination, sync: true }),
  );
}

function openLog(file: string): number {
  try {
    return openSync(file, 'a');
  } catch (error) {
    throw mistake('LOG_FILE', file, `a file that can be appended to (${messageOf(error)})`);
  }
}
