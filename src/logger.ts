/**
 * A server's log: a line of JSON per event, on standard output or appended to a file. A log that
 * cannot be written costs its lines and nothing else: they are counted, the first one is told of on
 * standard error, and their number is the first line once lines can be written again.
 */
import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import type { Config } from './config.ts';
import { messageOf, oneLine } from './user-error.ts';

export type ServerLog = {
  readonly log: Logger;
  /** How many lines could not be written. */
  linesLost(): number;
};

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/** Of lines that wait for whoever reads the other end of a pipe. */
const WAITING_BYTES_MAX = 1 << 20;
const READER_AFTER_MS = 50;
const MENDED_AFTER_MS = 1000;
/** Neither opening nor writing waits for whoever is to read a named pipe. */
const NO_WAIT = constants.O_NONBLOCK ?? 0;
const OPEN_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | NO_WAIT;

export function createLogger({ logLevel, logFile, nodeId }: Config): ServerLog {
  const lines = new LogLines(logFile, nodeId);
  const log = pino(
    {
      level: logLevel,
      base: { id: nodeId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    lines,
  );
  return { log, linesLost: () => lines.lost };
}

type Waiting = { readonly bytes: Buffer; readonly lines: 0 | 1 };

/** Each line is out before the next: a crash takes nothing of the log with it. */
class LogLines {
  lost = 0;
  readonly #path: string | null;
  readonly #id: string;
  #file: number | null;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** How much of the first that waits is written. */
  #written = 0;
  /** What is written ends within a line. */
  #isCut = false;
  #isLossUntold = false;
  #hasComplained = false;
  #again: NodeJS.Timeout | null = null;

  /** `null` is standard output, which Node has made one that does not wait if it is a pipe. */
  constructor(path: string | null, id: string) {
    this.#path = path;
    this.#id = id;
    this.#file = path === null ? STANDARD_OUTPUT : null;
    // At once, so that whoever starts a server is told.
    this.#attempt(() => this.#opened());
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.byteLength > WAITING_BYTES_MAX) {
      this.#lose(1, 'nobody reads it');
      return;
    }
    if (this.#waiting.length === 0) this.#tellLoss();
    this.#add({ bytes, lines: 1 });
    this.flushSync();
  }

  /** Writes what can be written without waiting. */
  flushSync(): void {
    this.#attempt(() => {
      const file = this.#opened();
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        this.#written += writeSync(file, next.bytes, this.#written);
        if (this.#written < next.bytes.byteLength) continue;
        this.#waiting.shift();
        this.#waitingBytes -= next.bytes.byteLength;
        this.#written = 0;
        this.#isCut = false;
      }
    });
  }

  #next(): Waiting | undefined {
    if (this.#waiting.length === 0) this.#tellLoss();
    return this.#waiting[0];
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
        this.#tryAgain(READER_AFTER_MS);
        return;
      }
      const lines = this.#waiting.reduce((sum, waiting) => sum + waiting.lines, 0);
      this.#isCut ||= this.#written > 0;
      this.#waiting = [];
      this.#waitingBytes = 0;
      this.#written = 0;
      this.#lose(lines, messageOf(error));
      this.#tryAgain(MENDED_AFTER_MS);
    }
  }

  /** A file that was removed, or moved for another, is made anew. */
  #opened(): number {
    const path = this.#path;
    if (path === null) return STANDARD_OUTPUT;
    if (this.#file !== null && isAt(path, this.#file)) return this.#file;
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    this.#file = openSync(path, OPEN_FLAGS);
    this.#isCut = false;
    return this.#file;
  }

  #add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waitingBytes += waiting.bytes.byteLength;
  }

  #lose(lines: number, reason: string): void {
    this.lost += lines;
    this.#isLossUntold = true;
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    const where = this.#path ?? 'standard output';
    const text = `the log cannot be written to ${where} (${oneLine(reason)}): lines are lost\n`;
    try {
      writeSync(STANDARD_ERROR, text);
    } catch {
      // Nobody is there to be told; `/metrics` has the number.
    }
  }

  #tellLoss(): void {
    if (!this.#isLossUntold || this.lost === 0) return;
    this.#isLossUntold = false;
    const told = {
      level: 'warn',
      time: new Date().toISOString(),
      id: this.#id,
      linesLost: this.lost,
      msg: 'lines of the log could not be written since the start',
    };
    const bytes = Buffer.from(`${this.#isCut ? '\n' : ''}${JSON.stringify(told)}\n`);
    this.#add({ bytes, lines: 0 });
  }

  #tryAgain(afterMs: number): void {
    if (this.#again !== null) return;
    this.#again = setTimeout(() => {
      this.#again = null;
      this.flushSync();
    }, afterMs);
    this.#again.unref();
  }
}

/** Whether the path still names what is open. */
function isAt(path: string, file: number): boolean {
  const open = fstatSync(file);
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.dev === open.dev && found.ino === open.ino;
}
