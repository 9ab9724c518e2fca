/**
 * What a run of load was like: latencies in an HDR histogram, counts, a time line, and, for the
 * audit, which writes were acknowledged.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { type Acknowledged, acknowledge } from '../acknowledged.ts';
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
  readonly acknowledged: Acknowledged;
  /** By client id, how many writes were issued and have ended, whichever way. */
  readonly issued: ReadonlyMap<number, number>;
};

export const TIMELINE_BUCKET_MS = 50;

/** Of a client that is counted from 0 and names its session itself. */
export function clientIdOf(client: number): number {
  return client + 1;
}

type Bucket = { completed: number; readonly latencies: RecordableHistogram };

export class Recorder {
  readonly #latencies = createHistogram();
  readonly #acknowledged: Acknowledged = new Map();
  readonly #issued = new Map<number, number>();
  readonly #buckets: Bucket[] | null;
  readonly #openLoop: boolean;
  #startUs = Number.POSITIVE_INFINITY;
  #endUs = Number.POSITIVE_INFINITY;
  #completed = 0;
  #failed = 0;
  #unknown = 0;

  constructor(withTimeline: boolean, openLoop: boolean) {
    this.#openLoop = openLoop;
    this.#buckets = withTimeline ? [] : null;
  }

  /** The measured window; what falls due before it is warm-up. */
  measure(startUs: number, endUs: number): void {
    this.#startUs = startUs;
    this.#endUs = endUs;
  }

  record(completion: Completion): void {
    const { kind, outcome, intendedUs, completedUs } = completion;
    if (kind !== 'get') this.#noteWrite(completion);
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

  #noteWrite({ client, outcome, requestNumber }: Completion): void {
    const clientId = clientIdOf(client);
    this.#issued.set(clientId, (this.#issued.get(clientId) ?? 0) + 1);
    if (outcome.kind === 'ok') acknowledge(this.#acknowledged, clientId, requestNumber);
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
      issued: this.#issued,
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
