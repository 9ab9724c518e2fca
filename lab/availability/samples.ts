/** What many runs have served, and which of them share their factors. */
import { count } from '../report/samples.ts';
import { type Served, unserved } from './served.ts';
import type { ServedRow } from './trial.ts';

/** All runs' requests as one. */
export function servedInAll(rows: readonly ServedRow[]): Served {
  const all = rows.map(({ metrics }) => metrics.served);
  const sum = (of: (served: Served) => number): number =>
    all.reduce((total, served) => total + of(served), 0);
  return {
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    unknown: sum(({ unknown }) => unknown),
    notCalled: sum(({ notCalled }) => notCalled),
    slowestMs: Math.max(0, ...all.map(({ slowestMs }) => slowestMs)),
    acknowledgedWritesLost: sum(({ acknowledgedWritesLost }) => acknowledgedWritesLost),
  };
}

/** Requests that were not served, and of how many: `0 of 12,000`. */
export function unservedText(served: Served): string {
  return `${count(unserved(served))} of ${count(served.requests)}`;
}

/** Cells as they come, each with the rows that share it. */
export function rowsByCell<R extends { readonly factors: object }>(
  rows: readonly R[],
): { readonly factors: R['factors']; readonly rows: readonly R[] }[] {
  const cells = new Map<string, { factors: R['factors']; rows: R[] }>();
  for (const row of rows) {
    const key = JSON.stringify(row.factors);
    const cell = cells.get(key);
    if (cell === undefined) cells.set(key, { factors: row.factors, rows: [row] });
    else cell.rows.push(row);
  }
  return [...cells.values()];
}
