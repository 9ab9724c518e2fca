/**
 * An experiment is data: a question, the factors it holds fixed and the ones it varies, and how its
 * answer is drawn. `experiments/*.ts` import only this type; a new question is one new file.
 */
import type { FaultAction } from './faults.ts';
import type { FactorValue, Metrics } from './results.ts';

/** The metrics a plot may show on its y axis. */
export type NumericMetric = {
  [K in keyof Metrics]: Metrics[K] extends number | null ? K : never;
}[keyof Metrics];

export type PlotSpec =
  /**
   * `y` over the factor `x`, one line per value of `lines`, one panel per value of `panels`; a
   * point is the mean over trials with its 95 % interval. `file` is the SVG's name without its
   * ending.
   */
  | {
      kind: 'lines';
      file: string;
      title: string;
      x: string;
      y: readonly NumericMetric[];
      lines: string;
      panels?: string;
      scale?: 'linear' | 'log';
    }
  /** Throughput and latency of one trial over time with the bands of its faults. */
  | { kind: 'timeline'; file: string; title: string };

export type Experiment = {
  /** The question in one sentence, as a person would ask it. */
  question: string;
  /** What the result does not show, and what a reader must know before quoting it. */
  caveats: readonly string[];
  host: 'threads';
  /** Repetitions of each cell, each with a seed of its own. */
  trials: number;
  /** Length of the measured part of a trial. */
  durationS: number;
  /** Factors that differ from their defaults, the same in every cell. */
  fixed: Readonly<Record<string, FactorValue>>;
  /** Factors and the values they take; the cells are their product. */
  vary: Readonly<Record<string, readonly FactorValue[]>>;
  /** What `--quick` puts in their place. */
  quick: {
    trials?: number;
    durationS?: number;
    vary?: Readonly<Record<string, readonly FactorValue[]>>;
  };
  /** Faults at fixed moments of every trial, besides those that the factors schedule. */
  faults?: readonly FaultAction[];
  plots: readonly PlotSpec[];
};
