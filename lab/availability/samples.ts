/** Samples of many runs in a few numbers. */
import { quantile } from '../report/stats.ts';
import { shortMs } from '../report/table.ts';
import { type Served, unserved } from './served.ts';
import type { ServedRow } from './trial.ts';

export type Spread = {
  readonly median: number | null;
  readonly p90: number | null;
  readonly max: number | null;
};

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = samples.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), p90: quantile(sorted, 0.9), max: quantile(sorted, 1) };
}

/** Three cells of a table. */
export function spreadCells({ max, median, p90 }: Spread): string[] {
  return [shortMs(median), shortMs(p90), shortMs(max)];
}

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

export function count(number: number): string {
  return number.toLocaleString('en');
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
