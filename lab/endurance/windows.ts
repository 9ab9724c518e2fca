/**
 * Latencies by when requests ended, in windows short enough to tell a snapshot's time from the time
 * around it: which it was is known only afterwards.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** On the clock that all threads share. */
export type Span = { readonly fromUs: number; readonly toUs: number };

export type Latencies = {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
};

export type Split = {
  /** While a snapshot was being taken; `null`: no request ended then. */
  readonly during: Latencies | null;
  readonly without: Latencies | null;
};

const WINDOW_US = 50_000;
const LATENCY_MAX_US = 100_000_000;
/** Within a hundredth: there are many histograms, and each digit makes them ten times larger. */
const FIGURES = 2;

export class Windows {
  readonly #histograms = new Map<number, RecordableHistogram>();

  record(completedUs: number, latencyUs: number): void {
    const number = Math.floor(completedUs / WINDOW_US);
    let histogram = this.#histograms.get(number);
    if (histogram === undefined) {
      histogram = createWindow();
      this.#histograms.set(number, histogram);
    }
    histogram.record(Math.min(LATENCY_MAX_US, Math.max(1, Math.round(latencyUs))));
  }

  /** Windows that touch a span of `excluded` count on neither side. */
  split(snapshots: readonly Span[], excluded: readonly Span[]): Split {
    const during = createWindow();
    const without = createWindow();
    for (const [number, histogram] of this.#histograms) {
      if (touches(number, excluded)) continue;
      (touches(number, snapshots) ? during : without).add(histogram);
    }
    return { during: latenciesOf(during), without: latenciesOf(without) };
  }
}

function createWindow(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LATENCY_MAX_US, figures: FIGURES });
}

function touches(number: number, spans: readonly Span[]): boolean {
  const fromUs = number * WINDOW_US;
  return spans.some((span) => span.fromUs < fromUs + WINDOW_US && span.toUs >= fromUs);
}

function latenciesOf(histogram: RecordableHistogram): Latencies | null {
  if (histogram.count === 0) return null;
  const ms = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return {
    requests: histogram.count,
    p50Ms: ms(50),
    p99Ms: ms(99),
    p999Ms: ms(99.9),
    maxMs: histogram.max / 1000,
  };
}
