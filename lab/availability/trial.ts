/** What one run has shown, and how it is asked for. */
import type { Advance, Span } from './gaps.ts';
import type { Cell as MembershipCell, Size } from './membership-schedule.ts';
import type { Cell as RollingCell } from './rolling-schedule.ts';
import type { Served } from './served.ts';

/** A run for the threads: the name of their function, and what it is given. */
export type Task =
  | {
      readonly run: 'membershipTrial';
      readonly cell: MembershipCell;
      readonly trial: number;
      readonly seed: number;
      readonly size: Size;
      readonly withCurve: boolean;
    }
  | {
      readonly run: 'rollingTrial';
      readonly cell: RollingCell;
      readonly trial: number;
      readonly seed: number;
      readonly withCurve: boolean;
    };

/** A run as it stands in `results.json`. */
export type Row<Factors, Metrics> = {
  readonly factors: Factors;
  /** Counted from 0. */
  readonly trial: number;
  readonly seed: number;
  readonly metrics: Metrics;
  /** `ok`, or what should not be. */
  readonly audit: string;
};

/** The commit index over time, and when what was done began and ended. */
export type Curve = {
  readonly points: readonly Advance[];
  readonly bars: readonly (Span & { readonly label: string; readonly strong: boolean })[];
};

export type Trial<R> = {
  readonly row: R;
  /** Of the first seed of each cell. */
  readonly curve: Curve | null;
};

export type ServedRow = Row<object, { readonly served: Served }>;
