/** What the report makes of the samples: shares of requests served, times to recover. */
import type { CellResult } from '../../lab/study/study.ts';
import { type Cell, hasMajority, KINDS, type Kind, shouldServe } from './setup.ts';
import type { Sample } from './trial.ts';

export type Result = CellResult<Cell, Sample>;

export type Counted = { readonly served: number; readonly asked: number };

/** Of the requests of a kind, in all these cells. */
export function countOf(results: readonly Result[], kind: Kind): Counted {
  let [served, asked] = [0, 0];
  for (const sample of results.flatMap(({ samples }) => samples)) {
    served += sample.served[kind];
    asked += sample.asked;
  }
  return { served, asked };
}

/** Null where nothing was asked. */
export function shareOf({ asked, served }: Counted): number | null {
  return asked === 0 ? null : served / asked;
}

/** The kinds of requests of which the cell served some that it should not have, or not all. */
export function exceptionsOf(result: Result): Kind[] {
  return KINDS.filter((kind) => {
    const { asked, served } = countOf([result], kind);
    return served !== (shouldServe(kind, result.cell) ? asked : 0);
  });
}

/** The most failures up to which every write was served; null if not even without any. */
export function bears(results: readonly Result[], nodes: number): number | null {
  let most: number | null = null;
  const own = measured(results)
    .filter(({ cell }) => cell.nodes === nodes)
    .toSorted((a, b) => a.cell.failed - b.cell.failed);
  for (const result of own) {
    const { asked, served } = countOf([result], 'write');
    if (served < asked || result.cell.failed !== (most ?? -1) + 1) return most;
    most = result.cell.failed;
  }
  return most;
}

export function measured(results: readonly Result[]): Result[] {
  return results.filter(({ samples }) => samples.length > 0);
}

export function sizesOf(results: readonly Result[]): number[] {
  const sizes = measured(results).map(({ cell }) => cell.nodes);
  return [...new Set(sizes)].sort((a, b) => a - b);
}

export function leftOf({ failed, nodes }: Cell): number {
  return nodes - failed;
}

/** How many servers the failures left, ascending. */
export function numbersLeft(results: readonly Result[]): number[] {
  return [...new Set(measured(results).map(({ cell }) => leftOf(cell)))].sort((a, b) => a - b);
}

export type RecoveryCase = 'leaderFailed' | 'leaderSpared' | 'noMajority';

/** Ascending: until a write was served, from the crash, or from the return of the majority. */
export function recoveriesMs(results: readonly Result[], of: RecoveryCase): number[] {
  const times = results.flatMap(({ cell, samples }) =>
    samples.flatMap(({ leaderFailed, recoveredMs, restoredMs }) => {
      if (of === 'noMajority') return hasMajority(cell) ? [] : (restoredMs ?? []);
      return leaderFailed === (of === 'leaderFailed') ? (recoveredMs ?? []) : [];
    }),
  );
  return times.sort((a, b) => a - b);
}

/** Ascending: of writes while no server has failed. */
export function latenciesMs(results: readonly Result[], nodes: number): number[] {
  return results
    .filter(({ cell }) => cell.nodes === nodes && cell.failed === 0)
    .flatMap(({ samples }) => samples.flatMap((sample) => sample.latenciesMs))
    .sort((a, b) => a - b);
}

/** What a trial belongs to in the picture of the first moments. */
export type Situation = { readonly majority: boolean; readonly leaderFailed: boolean };

/** Of each bin after the crash, the share of requests that were served; empty without trials. */
export function earlyShares(
  results: readonly Result[],
  situation: Situation,
  kind: Kind,
): number[] {
  const served: number[] = [];
  let trials = 0;
  for (const { cell, samples } of results) {
    // With one or two servers no failure leaves both a leader and a question.
    if (cell.nodes < 3 || cell.failed === 0 || cell.failed === cell.nodes) continue;
    if (hasMajority(cell) !== situation.majority) continue;
    for (const { early, leaderFailed } of samples) {
      if (leaderFailed !== situation.leaderFailed) continue;
      trials++;
      early[kind].forEach((isServed, bin) => {
        served[bin] = (served[bin] ?? 0) + Number(isServed);
      });
    }
  }
  return served.map((count) => count / trials);
}

/** The share of requests of a kind that were served in the first bins, up to `untilMs`. */
export function earlyShare(shares: readonly number[], from: number, to: number): number | null {
  const own = shares.slice(from, to);
  if (own.length === 0) return null;
  return own.reduce((sum, share) => sum + share, 0) / own.length;
}
