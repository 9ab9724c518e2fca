/** What metrics are called in words. */
import type { NumericMetric } from '../experiment.ts';

const METRICS: Readonly<Record<NumericMetric, readonly [string, string]>> = {
  committedOpsPerSecond: ['Throughput', 'operations/s'],
  latencyMsP50: ['Latency p50', 'ms'],
  latencyMsP90: ['Latency p90', 'ms'],
  latencyMsP99: ['Latency p99', 'ms'],
  latencyMsP999: ['Latency p99.9', 'ms'],
  latencyMsMax: ['Longest latency', 'ms'],
  failed: ['Failed operations', ''],
  unknown: ['Operations of unknown outcome', ''],
  leaderChanges: ['Leader changes', ''],
  messagesSent: ['Messages sent', ''],
  messagesDropped: ['Messages dropped', ''],
  bytesSent: ['Bytes sent', 'B'],
  acknowledgedWritesLost: ['Acknowledged writes lost', ''],
  writesAppliedTwice: ['Writes applied twice', ''],
};

/** What a metric is called in words. */
export function metricName(metric: NumericMetric): string {
  return METRICS[metric][0];
}

/** What a metric is called in words, with its unit. */
export function metricLabel(metric: NumericMetric): string {
  const [name, unit] = METRICS[metric];
  return unit === '' ? name : `${name}, ${unit}`;
}
