/**
 * What a run of load was like: latencies in an HDR histogram, counts, a time line, and, for the
 * audit, which writes were acknowledged.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { acknowledge } from '../acknowledged.ts';
import type { TimelinePoint } from '../results.ts';
import type { Completion } from '../workload.ts';

/** The clients' side of a trial; crosses threads as it is. */
export type Measurement = {
  /** Completed within the measured window. */
  readonly completed: number;
  readonly windowMs: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  } | null;
  readonly failed: number;
  readonly unknown: number;
  readonly timeline: readonly TimelinePoint[] | null;
  /** Per client, counted from 0: a byte per request number, 1 where a write was acknowledged. */
  readonly acknowledged: readonly Uint8Array[];
};

export const TIMELINE_BUCKET_MS = 50;

type Bucket = { completed: number; readonly latencies: RecordableHistogram };

export class Recorder {
  readonly #latencies = createHistogram();
  readonly #acknowledged: Uint8Array[];
  readonly #buckets: Bucket[] | null;
  readonly #openLoop: boolean;
  #startUs = Number.POSITIVE_INFINITY;
  #endUs = Number.POSITIVE_INFINITY;
  #completed = 0;
  #failed = 0;
  #unknown = 0;

  constructor(clients: number, withTimeline: boolean, openLoop: boolean) {
    this.#openLoop = openLoop;
    this.#acknowledged = Array.from({ length: clients }, () => new Uint8Array(1024));
    this.#buckets = withTimeline ? [] : null;
  }

  /** The measured window; what falls due before it is warm-up. */
  measure(startUs: number, endUs: number): void {
    this.#startUs = startUs;
    this.#endUs = endUs;
  }

  record(completion: Completion): void {
    const { kind, outcome, intendedUs, completedUs, client, requestNumber } = completion;
    if (kind !== 'get' && outcome.kind === 'ok') {
      acknowledge(this.#acknowledged, client, requestNumber);
    }
    // A request due within the window counts whenever it ends, so that a stall at its end shows.
    const due = intendedUs >= this.#startUs && intendedUs < this.#endUs;
    if (outcome.kind === 'ok') {
      // In an open loop what fell due before the window was the warm-up's, and no arrival.
      const counts = due || !this.#openLoop;
      if (counts && completedUs >= this.#startUs && completedUs < this.#endUs) this.#completed++;
      if (due) this.#latencies.record(Math.max(1, completedUs - intendedUs));
      this.#addToTimeline(completedUs, completedUs - intendedUs);
    } else if (due) {
      if (outcome.kind === 'fail') this.#failed++;
      else this.#unknown++;
    }
  }

  measurement(): Measurement {
    const h = this.#latencies;
    const ms = (percentile: number): number => h.percentile(percentile) / 1000;
    return {
      completed: this.#completed,
      windowMs: (this.#endUs - this.#startUs) / 1000,
      latencyMs:
        h.count === 0
          ? null
          : { p50: ms(50), p90: ms(90), p99: ms(99), p999: ms(99.9), max: h.max / 1000 },
      failed: this.#failed,
      unknown: this.#unknown,
      timeline: this.#timeline(),
      acknowledged: this.#acknowledged,
    };
  }

  #addToTimeline(completedUs: number, latencyUs: number): void {
    if (this.#buckets === null || completedUs < this.#startUs || completedUs >= this.#endUs) return;
    const at = Math.floor((completedUs - this.#startUs) / (TIMELINE_BUCKET_MS * 1000));
    let bucket = this.#buckets[at];
    if (bucket === undefined) {
      bucket = { completed: 0, latencies: createHistogram() };
      this.#buckets[at] = bucket;
    }
    bucket.completed++;
    bucket.latencies.record(Math.max(1, latencyUs));
  }

  #timeline(): TimelinePoint[] | null {
    if (this.#buckets === null) return null;
    const count = Math.ceil((this.#endUs - this.#startUs) / (TIMELINE_BUCKET_MS * 1000));
    return Array.from({ length: count }, (_, i) => {
      const bucket = this.#buckets?.[i];
      return {
        atMs: i * TIMELINE_BUCKET_MS,
        opsPerSecond: ((bucket?.completed ?? 0) * 1000) / TIMELINE_BUCKET_MS,
        latencyMsP50: bucket === undefined ? null : bucket.latencies.percentile(50) / 1000,
        latencyMsP99: bucket === undefined ? null : bucket.latencies.percentile(99) / 1000,
      };
    });
  }
}
