/** Schedules for tests: one that is valid and small, and arbitrary ones. */
import fc from 'fast-check';
import { READ_WAYS } from '../../lab/cluster.ts';
import type { Condition, Fault, FaultAction } from '../../lab/faults.ts';
import {
  nodeIds,
  SCHEDULE_VERSION,
  type Schedule,
  type ScheduledOperation,
  serverIds,
} from '../../lab/schedule.ts';
import type { Coverage, RunResult, Verdict } from '../../lab/verdict.ts';
import { OPERATION_KINDS } from '../../src/command.ts';
import { type LinkSettings, PERFECT } from '../../src/transport/link.ts';
import { LIMITS } from './settings.ts';

/** Of three nodes and two clients, with nothing happening in it unless told so. */
export function scheduleWith(changes: Partial<Schedule> = {}): Schedule {
  const { nodes = 3, spares = 0 } = changes;
  return {
    schemaVersion: SCHEDULE_VERSION,
    name: 'test',
    seed: 1,
    nodes,
    spares,
    settings: {
      electionTimeoutMs: [150, 300],
      heartbeatMs: 50,
      preVote: true,
      checkQuorum: true,
      leaderStickiness: true,
      parallelDiskWrite: true,
      windowMessages: 64,
      batchEntries: 64,
      batchBytes: 65536,
      ...LIMITS,
    },
    batchCommands: 512,
    link: PERFECT,
    clientLink: PERFECT,
    disk: { latencyMs: [0.1, 2], torn: 0.5, late: 0.25 },
    clocks: serverIds({ nodes, spares }).map(() => ({ offsetMs: 0, driftPpm: 0 })),
    clients: {
      count: 2,
      requestTimeoutMs: 500,
      retryMs: 50,
      registered: false,
      sessionsMax: 10_000,
    },
    durationMs: 10_000,
    faults: [],
    operations: [],
    recovery: {
      core: nodeIds(nodes).slice(0, Math.floor(nodes / 2) + 1),
      others: 'healed',
      boundMs: 5000,
    },
    ...changes,
  };
}

/**
 * A cluster in which nothing goes wrong by itself: messages take 1 ms and writes no time. What
 * happens in its run is what a test lets happen.
 */
export function quietSchedule(changes: Partial<Schedule> = {}): Schedule {
  return scheduleWith({
    name: 'quiet',
    link: { ...PERFECT, delayMs: 1 },
    clientLink: { ...PERFECT, delayMs: 1 },
    disk: { latencyMs: [0, 0], torn: 0, late: 0 },
    durationMs: 3000,
    ...changes,
  });
}

const COVERAGE: Coverage = {
  faultsScheduled: 2,
  faultsBit: 1,
  messagesSent: 100,
  messagesDropped: 10,
  crashes: 1,
  disksLost: 1,
  leaderChanges: 2,
  handovers: 1,
  configurations: 3,
  snapshotsInstalled: 2,
  operationsOk: 20,
  operationsFailed: 3,
  operationsUnknown: 1,
};

/** A result that somebody made up. */
export function resultWith(verdict: Verdict, changes: Partial<RunResult> = {}): RunResult {
  return {
    verdict,
    traceHash: '0123456789abcdef',
    coverage: COVERAGE,
    reached: ['snapshotSaved', 'votePersisted'],
    events: 1000,
    simulatedMs: 10_000,
    recoveredAfterMs: 250,
    history: [],
    trace: null,
    ...changes,
  };
}

export function violationOf(property: string, atMs = 5000): Verdict {
  return { kind: 'violation', violation: { property, message: `${property} is broken`, atMs } };
}

const NODES = 5;
const SPARES = 2;
const CLIENTS = 3;
const DURATION_MS = 10_000;

const milliseconds = fc.double({ min: 0, max: DURATION_MS, noNaN: true }).map(Math.abs);
const share = fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs);
const names = serverIds({ nodes: NODES, spares: SPARES });
const node = fc.constantFrom(...names);
const target = fc.constantFrom(...names, 'leader', 'follower');
const targetOrAll = fc.constantFrom(...names, 'leader', '*');

const link: fc.Arbitrary<LinkSettings> = fc.record({
  loss: share,
  burst: fc.constant(0),
  burstLoss: share,
  duplicate: share,
  delayMs: milliseconds,
  jitterMs: milliseconds,
  distribution: fc.constantFrom('constant', 'uniform', 'normal', 'pareto'),
  reorder: share,
  correlation: share,
  corrupt: share,
  bytesPerSecond: fc.option(fc.integer({ min: 1, max: 1e9 })),
  queueBytes: fc.nat(),
  cut: fc.boolean(),
});

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('crash'), node: target } as const),
  fc.record({ kind: fc.constant('suspend'), node: target } as const),
  fc.record({ kind: fc.constant('diskFull'), node: target } as const),
  fc.record({ kind: fc.constant('heal') } as const),
  fc.record({ kind: fc.constant('partition'), groups: fc.array(fc.array(target)) } as const),
  fc.record({ kind: fc.constant('cut'), links: fc.array(fc.tuple(target, target)) } as const),
  fc.record({
    kind: fc.constant('link'),
    from: targetOrAll,
    to: targetOrAll,
    settings: link.map(({ loss, delayMs }) => ({ loss, delayMs })),
  } as const),
  fc
    .record({ kind: fc.constant('clockJump'), node, jumpMs: fc.integer() } as const)
    .map(({ kind, node, jumpMs }) => ({ kind, node, jumpMs: jumpMs % 1000 })),
  fc.record({ kind: fc.constant('diskSlow'), node: target, latencyMs: milliseconds } as const),
);

/** They are not undone, so they last for no time. */
const lasting: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('transfer'), to: fc.constantFrom(...names, 'follower') } as const),
  fc.record({ kind: fc.constantFrom('join', 'joinBlank', 'learn'), node } as const),
  fc.record({ kind: fc.constantFrom('leave', 'snapshot', 'wipe'), node: target } as const),
);

const when: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant('leaderElected') } as const),
  fc.record({
    kind: fc.constant('committed'),
    index: fc.integer({ min: 1 }),
    nodes: fc.integer({ min: 1, max: NODES + SPARES }),
  } as const),
);

const action: fc.Arbitrary<FaultAction> = fc.oneof(
  fc.record(
    { atMs: milliseconds, when, fault, forMs: milliseconds },
    { requiredKeys: ['atMs', 'fault'] },
  ),
  fc.record({ atMs: milliseconds, when, fault: lasting }, { requiredKeys: ['atMs', 'fault'] }),
);

const operation: fc.Arbitrary<ScheduledOperation> = fc
  .record({
    atMs: milliseconds,
    client: fc.nat({ max: CLIENTS - 1 }),
    op: fc.constantFrom(...OPERATION_KINDS),
    key: fc.string(),
    value: fc.string(),
    expected: fc.option(fc.string()),
    read: fc.option(fc.constantFrom(...READ_WAYS)),
  })
  .map(({ value, expected, read, ...operation }) => {
    if (operation.op === 'get') return read === null ? operation : { ...operation, read };
    if (operation.op === 'delete') return operation;
    return operation.op === 'cas' ? { ...operation, value, expected } : { ...operation, value };
  });

/** Valid schedules with faults and operations of all sorts. */
export const schedules: fc.Arbitrary<Schedule> = fc
  .record({
    name: fc.string(),
    seed: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    link,
    clientLink: link,
    faults: fc.array(action),
    operations: fc.array(operation),
    registered: fc.boolean(),
    sessionsMax: fc.integer({ min: 1, max: 1e9 }),
  })
  .map(({ registered, sessionsMax, ...parts }) =>
    scheduleWith({
      nodes: NODES,
      spares: SPARES,
      clients: { count: CLIENTS, requestTimeoutMs: 500, retryMs: 50, registered, sessionsMax },
      durationMs: DURATION_MS,
      ...parts,
    }),
  );
