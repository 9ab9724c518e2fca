/** What a swarm keeps of a run: small enough to be handed between threads by the million. */
import type { Fault } from '../faults.ts';
import type { Schedule } from '../schedule.ts';
import { stackText } from '../stack-text.ts';
import type { Coverage, RunResult, Verdict } from '../verdict.ts';

/**
 * A run that ended with an exception is a defect of the lab, and as good as a violation; so is one
 * that did not end.
 */
export type SeedVerdict =
  | Verdict
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'hang'; readonly message: string };

export type SeedSummary = {
  readonly seed: number;
  readonly verdict: SeedVerdict;
  /** What the runs of a swarm are told apart by: an option's name and its value, as text. */
  readonly options: Readonly<Record<string, string>>;
  readonly result: Pick<
    RunResult,
    'coverage' | 'reached' | 'events' | 'simulatedMs' | 'recoveredAfterMs' | 'traceHash'
  > & { readonly wallMs: number };
};

const NOTHING_COVERED: Coverage = {
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
const NOTHING_RUN: SeedSummary['result'] = {
  coverage: NOTHING_COVERED,
  reached: [],
  events: 0,
  simulatedMs: 0,
  recoveredAfterMs: null,
  traceHash: '',
  wallMs: 0,
};

export function isFailure({ kind }: SeedVerdict): boolean {
  return kind === 'violation' || kind === 'error' || kind === 'hang';
}

/** Of a run whose thread had to be ended. */
export function hangSummary(seed: number, message: string): SeedSummary {
  return { seed, verdict: { kind: 'hang', message }, options: {}, result: NOTHING_RUN };
}

export function runSeed(
  seed: number,
  scheduleOf: (seed: number) => Schedule,
  run: (schedule: Schedule) => RunResult,
): SeedSummary {
  let options: SeedSummary['options'] = {};
  try {
    const schedule = scheduleOf(seed);
    options = optionsOf(schedule);
    const beganMs = performance.now();
    const { verdict, history: _history, trace: _trace, ...measured } = run(schedule);
    const result = { ...measured, wallMs: performance.now() - beganMs };
    return { seed, verdict, options, result };
  } catch (error) {
    const verdict = { kind: 'error', message: stackText(error) } as const;
    return { seed, verdict, options, result: NOTHING_RUN };
  }
}

const CHANGES_MEMBERS: ReadonlySet<Fault['kind']> = new Set([
  'join',
  'joinBlank',
  'learn',
  'configure',
  'leave',
  'wipe',
]);

function optionsOf({
  nodes,
  settings,
  link,
  operations,
  durationMs,
  faults,
}: Schedule): SeedSummary['options'] {
  return {
    // What a run costs depends on both.
    nodes: `${nodes} at ${Math.round((operations.length * 1000) / durationMs)}/s`,
    preVote: onOff(settings.preVote),
    checkQuorum: onOff(settings.checkQuorum),
    stickiness: onOff(settings.leaderStickiness),
    leases: onOff(settings.clockDriftPpm !== null),
    snapshots: onOff(settings.snapshotEntries < Number.MAX_SAFE_INTEGER),
    members: faults.some(({ fault }) => CHANGES_MEMBERS.has(fault.kind)) ? 'change' : 'stay',
    links: link.loss > 0 || link.corrupt > 0 ? 'lossy' : 'lossless',
  };
}

function onOff(value: boolean): string {
  return value ? 'on' : 'off';
}
