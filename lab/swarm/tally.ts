/**
 * What a swarm counts, in memory that does not grow with the number of its runs. The order in which
 * runs are added makes no difference.
 */
import type { Place } from '../places.ts';
import type { Coverage } from '../verdict.ts';
import { isFailure, type SeedSummary } from './seed-summary.ts';

/** How often each value came; for its median. */
export class Distribution {
  readonly #counts = new Map<number, number>();
  #size = 0;

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    this.#size++;
  }

  /** The smallest value that a share of all do not exceed, 0 … 1; null without values. */
  quantile(share: number): number | null {
    let below = 0;
    for (const [value, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      below += count;
      if (below >= share * this.#size) return value;
    }
    return null;
  }
}

/** Sums over a number of runs. */
export class Totals {
  runs = 0;
  events = 0;
  simulatedMs = 0;
  /** On the threads that ran them. */
  wallMs = 0;
  readonly coverage: { -readonly [Field in keyof Coverage]: number } = {
    faultsScheduled: 0,
    faultsBit: 0,
    messagesSent: 0,
    messagesDropped: 0,
    crashes: 0,
    disksLost: 0,
    leaderChanges: 0,
    handovers: 0,
    configurations: 0,
    snapshotsInstalled: 0,
    operationsOk: 0,
    operationsFailed: 0,
    operationsUnknown: 0,
  };
  /** By place, in how many runs it was reached. */
  readonly reached = new Map<Place, number>();
  readonly faultsBit = new Distribution();
  /** In whole milliseconds, of the runs that recovered. */
  readonly recoveryMs = new Distribution();

  add({ result }: SeedSummary): void {
    this.runs++;
    this.events += result.events;
    this.simulatedMs += result.simulatedMs;
    this.wallMs += result.wallMs;
    for (const field of Object.keys(this.coverage) as (keyof Coverage)[]) {
      this.coverage[field] += result.coverage[field];
    }
    for (const place of result.reached) {
      this.reached.set(place, (this.reached.get(place) ?? 0) + 1);
    }
    this.faultsBit.add(result.coverage.faultsBit);
    if (result.recoveredAfterMs !== null) this.recoveryMs.add(Math.round(result.recoveredAfterMs));
  }

  get operations(): number {
    const { operationsOk, operationsFailed, operationsUnknown } = this.coverage;
    return operationsOk + operationsFailed + operationsUnknown;
  }
}

/** More would be kept for nobody; they are counted all the same. */
const VACUOUS_KEPT = 1000;

export class Tally {
  readonly all = new Totals();
  passed = 0;
  vacuous = 0;
  readonly vacuousSeeds: { readonly seed: number; readonly reason: string }[] = [];
  /** Runs that broke a property, ended with an exception or did not end. */
  readonly failures: SeedSummary[] = [];
  /** The run that took longest to recover. */
  slowest: { readonly seed: number; readonly recoveredAfterMs: number } | null = null;
  readonly #byOption = new Map<string, Map<string, Totals>>();

  add(summary: SeedSummary): void {
    const { seed, verdict, options, result } = summary;
    this.all.add(summary);
    for (const [name, value] of Object.entries(options)) this.#of(name, value).add(summary);
    if (verdict.kind === 'pass') this.passed++;
    if (verdict.kind === 'vacuous') this.#addVacuous(seed, verdict.reason);
    if (isFailure(verdict)) this.failures.push(summary);
    const { recoveredAfterMs } = result;
    if (recoveredAfterMs === null) return;
    const longer = recoveredAfterMs - (this.slowest?.recoveredAfterMs ?? -1);
    if (longer > 0 || (longer === 0 && seed < (this.slowest?.seed ?? seed))) {
      this.slowest = { seed, recoveredAfterMs };
    }
  }

  /** The options that had more than one value, with the runs of each value in order. */
  get options(): { name: string; value: string; totals: Totals }[] {
    return [...this.#byOption]
      .filter(([, values]) => values.size > 1)
      .flatMap(([name, values]) =>
        [...values]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([value, totals]) => ({ name, value, totals })),
      );
  }

  /** The failure with the lowest seed; of those that hung only if there is no other. */
  get firstFailure(): SeedSummary | undefined {
    const hung = ({ verdict }: SeedSummary): number => (verdict.kind === 'hang' ? 1 : 0);
    return this.failures.toSorted((a, b) => hung(a) - hung(b) || a.seed - b.seed)[0];
  }

  #addVacuous(seed: number, reason: string): void {
    this.vacuous++;
    if (this.vacuousSeeds.length < VACUOUS_KEPT) this.vacuousSeeds.push({ seed, reason });
    this.vacuousSeeds.sort((a, b) => a.seed - b.seed);
  }

  #of(name: string, value: string): Totals {
    const values = this.#byOption.get(name) ?? new Map<string, Totals>();
    this.#byOption.set(name, values);
    const totals = values.get(value) ?? new Totals();
    values.set(value, totals);
    return totals;
  }
}
