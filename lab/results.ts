/**
 * What an experiment leaves behind, as data: the shapes of `results.json` and of a row in it. Every
 * host, the reports, `compare` and `merge` speak these types and nothing else.
 */

export const SCHEMA_VERSION = 1;

/** The value of one factor in one cell: what a flag sets and a sweep varies. */
export type FactorValue = number | string | boolean | null;

export type Factors = Readonly<Record<string, FactorValue>>;

/**
 * Counted over the measured part of a trial, without warm-up and audit. `null`: nothing to measure.
 */
export type Metrics = {
  committedOpsPerSecond: number;
  latencyMsP50: number | null;
  latencyMsP90: number | null;
  latencyMsP99: number | null;
  latencyMsP999: number | null;
  latencyMsMax: number | null;
  /** Operations that surely did not take effect. */
  failed: number;
  /** Operations whose outcome the client could not learn before its deadline. */
  unknown: number;
  leaderChanges: number;
  messagesSent: number;
  messagesDropped: number;
  bytesSent: number;
  acknowledgedWritesLost: number;
  writesAppliedTwice: number;
  replicasEqual: boolean;
};

/** Throughput and latency of one bucket of a run's time line. */
export type TimelinePoint = {
  atMs: number;
  opsPerSecond: number;
  latencyMsP50: number | null;
  latencyMsP99: number | null;
};

/** A fault that was in force from one moment to another; `nodes` are those it struck. */
export type FaultBand = {
  kind: 'crash' | 'pause' | 'partition' | 'link';
  nodes: readonly string[];
  fromMs: number;
  toMs: number;
};

export type Timeline = {
  bucketMs: number;
  points: readonly TimelinePoint[];
  bands: readonly FaultBand[];
};

/** One trial of one cell. `audit` is `ok` or the sentence that says what did not hold. */
export type Row = {
  factors: Factors;
  trial: number;
  seed: number;
  metrics: Metrics;
  audit: string;
  /** By `counts` where the log was compacted: each write cannot be looked for in it. */
  auditedBy?: 'log' | 'counts';
  timeline?: Timeline;
};

/** A whole sweep as it was planned: enough to list its cells. */
export type SweepPlan = {
  /** The same for two parts exactly when they are of one plan. */
  digest: string;
  seed: number;
  /** Of each cell. */
  trials: number;
  durationS: number;
  fixed: Factors;
  vary: Readonly<Record<string, readonly FactorValue[]>>;
};

/** The i-th of n parts of a plan, counted from 1; a whole sweep is the first of one. */
export type Part = { index: number; of: number; plan: SweepPlan };

/** The content of `results.json`, and what `--json` prints. */
export type ResultDocument = {
  schemaVersion: typeof SCHEMA_VERSION;
  experiment: string;
  /** Absent where that is unknown: in results of earlier days, and where several were joined. */
  part?: Part;
  /** What is missing of the plan, in phrases, where parts were joined without the others. */
  missing?: readonly string[];
  rows: readonly Row[];
};

/** The content of `manifest.json`: where a result comes from. */
export type Manifest = {
  schemaVersion: typeof SCHEMA_VERSION;
  experiment: string;
  /** Commit of the code, with `-dirty` when the work tree differed; `null` outside a repository. */
  commit: string | null;
  nodeVersion: string;
  machine: { platform: string; arch: string; cpu: string; cores: number; memoryGiB: number };
  /** The command that regenerates the result. */
  command: string;
  seed: number;
  startedAt: string;
  finishedAt: string;
};
