/**
 * The mutants that have been judged, one a line in a file that is written as they come: a run that
 * is stopped loses nothing.
 */
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mistake } from '../../src/user-error.ts';
import { shownPath } from '../sweep/output-directory.ts';
import type { Plan } from './arguments.ts';
import { type Drawn, idOf } from './draw.ts';
import type { Fate } from './judge.ts';

export type Row = Drawn & { readonly fate: Fate; readonly wallMs: number };

/** There as long as the run has not come to its end. */
const FILE = 'rows.ndjson';

export class Rows {
  readonly #path: string;
  readonly #rows = new Map<string, Row>();

  /** Throws a UserError where a run was stopped and this one does not go on with just that. */
  constructor(directory: string, plan: Plan, drawn: readonly Drawn[], resume: boolean) {
    this.#path = join(directory, FILE);
    const head = JSON.stringify({ plan, edits: drawn.map(idOf) });
    const isThere = existsSync(this.#path);
    if (!resume && isThere) {
      const allowed =
        '--resume, to go on with the run that was stopped there, or another directory';
      throw mistake('--out', shownPath(directory), allowed);
    }
    if (!isThere) {
      writeFileSync(this.#path, `${head}\n`);
      return;
    }
    const [first, ...lines] = readFileSync(this.#path, 'utf8').split('\n');
    if (first !== head) {
      const allowed = 'the flags and sources of the run that was stopped';
      throw mistake('--resume', shownPath(directory), allowed);
    }
    for (const line of lines) {
      // The last line may be cut off.
      if (line.endsWith('}')) this.#keep(JSON.parse(line));
    }
    writeFileSync(this.#path, [head, ...this.all.map((row) => JSON.stringify(row)), ''].join('\n'));
  }

  get all(): Row[] {
    return [...this.#rows.values()];
  }

  has(drawn: Drawn): boolean {
    return this.#rows.has(idOf(drawn));
  }

  add(row: Row): void {
    this.#keep(row);
    appendFileSync(this.#path, `${JSON.stringify(row)}\n`);
  }

  /** When all is written elsewhere. */
  done(): void {
    rmSync(this.#path);
  }

  #keep(row: Row): void {
    this.#rows.set(idOf(row), row);
  }
}
