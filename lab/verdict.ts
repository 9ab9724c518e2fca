/** What a run under a schedule has shown. */
import type { HistoryOperation } from './history.ts';
import type { Place } from './places.ts';
import type { Trace } from './trace.ts';

/** A property that was broken, as lab/properties.ts lists it. */
export type Violation = {
  /** For example `Election Safety`. */
  readonly property: string;
  /** One sentence with the nodes, terms and indexes. */
  readonly message: string;
  readonly atMs: number;
};

export type Verdict =
  | { readonly kind: 'pass' }
  /** Nothing was broken, and nothing was put to the test: the faults did not bite. */
  | { readonly kind: 'vacuous'; readonly reason: string }
  | { readonly kind: 'violation'; readonly violation: Violation };

/** What the faults did; a fault that changed nothing did not bite. */
export type Coverage = {
  readonly faultsScheduled: number;
  readonly faultsBit: number;
  readonly messagesSent: number;
  readonly messagesDropped: number;
  readonly crashes: number;
  /** Servers that went on as others on blank disks. */
  readonly disksLost: number;
  readonly leaderChanges: number;
  /** Leaders that were asked to take over (§3.10). */
  readonly handovers: number;
  /** Configurations that were committed, joint ones and those of learners included. */
  readonly configurations: number;
  readonly snapshotsInstalled: number;
  readonly operationsOk: number;
  readonly operationsFailed: number;
  readonly operationsUnknown: number;
};

export type RunResult = {
  readonly verdict: Verdict;
  /** Sixteen hexadecimal digits over every event of the run, in order. */
  readonly traceHash: string;
  readonly coverage: Coverage;
  /** The places that it came to, in the order of the alphabet. */
  readonly reached: readonly Place[];
  readonly events: number;
  readonly simulatedMs: number;
  /** How long the second phase took; `null` if it was not reached or did not end. */
  readonly recoveredAfterMs: number | null;
  readonly history: readonly HistoryOperation[];
  /** Only when asked for. */
  readonly trace: Trace | null;
};
