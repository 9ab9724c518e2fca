/**
 * Small runs of the simulator, made by hand: nothing happens in them but what a test lets happen,
 * so that it can tell to the microsecond what came of it.
 */
import { crc32 } from 'node:zlib';
import type { ExecutionContext } from 'ava';
import type { Fault, FaultAction } from '../../lab/faults.ts';
import type { Schedule, ScheduledOperation } from '../../lab/schedule.ts';
import type { Member } from '../../lab/sim/member.ts';
import { Simulation } from '../../lab/sim/simulation.ts';
import type { Trace, TracedMessage } from '../../lab/trace.ts';
import type { RunResult } from '../../lab/verdict.ts';
import { describeConfiguration } from '../../src/raft/describe.ts';
import type { Message, NodeId } from '../../src/raft/types.ts';
import { quietSchedule } from './schedules.ts';

export const MS = 1000;

export type Probe = readonly [atMs: number, look: (simulation: Simulation) => void];

export type Run = {
  readonly simulation: Simulation;
  readonly result: RunResult;
  readonly trace: Trace;
};

/** Runs a quiet schedule with these changes; looks at moments, ahead of what else happens then. */
export function simulate(changes: Partial<Schedule>, ...probes: readonly Probe[]): Run {
  const simulation = new Simulation(quietSchedule(changes), crc32, true);
  for (const [atMs, look] of probes) {
    simulation.events.at(Math.round(atMs * MS), () => look(simulation));
  }
  const result = simulation.run();
  if (result.trace === null) throw new Error('no trace');
  return { simulation, result, trace: result.trace };
}

/** Who plays what before the first fault: a quiet run, of which the others are the continuation. */
export function cast(changes: Partial<Schedule> = {}): {
  leader: NodeId;
  first: NodeId;
  second: NodeId;
  electedUs: number;
} {
  const { trace } = simulate({ ...changes, faults: [], operations: [] });
  const elections = trace.roles.filter(({ role }) => role === 'leader');
  const [elected] = elections;
  if (elected === undefined || elections.length > 1) throw new Error('expected one election');
  const { node: leader, atUs: electedUs } = elected;
  const [first = '', second = ''] = trace.nodes.filter((id) => id !== leader);
  return { leader, first, second, electedUs };
}

export function at(atMs: number, fault: Fault, forMs?: number): FaultAction {
  return forMs === undefined ? { atMs, fault } : { atMs, fault, forMs };
}

export function puts(
  fromMs: number,
  toMs: number,
  everyMs: number,
  client = 0,
): ScheduledOperation[] {
  const count = Math.ceil((toMs - fromMs) / everyMs);
  return Array.from({ length: count }, (_, i) => {
    const atMs = fromMs + i * everyMs;
    return { atMs, client, op: 'put', key: 'k', value: `v${client}.${i}` };
  });
}

export function memberOf({ members }: Simulation, id: NodeId): Member {
  const member = members.get(id);
  if (member === undefined) throw new Error(`there is no ${id}`);
  return member;
}

export function roleAt({ roles }: Trace, id: NodeId, atUs: number): string | undefined {
  return roles.findLast((role) => role.node === id && role.atUs <= atUs)?.role;
}

export function leadersAfter({ roles }: Trace, fromUs: number): NodeId[] {
  return roles
    .filter(({ role, atUs }) => role === 'leader' && atUs > fromUs)
    .map(({ node }) => node);
}

/** The configurations that were committed, in order, as `voters=(n1 n2) learners=(n3)`. */
export function configurations({ simulation }: Run): string[] {
  return simulation.committed.flatMap((entry) =>
    entry.kind === 'configuration' ? [describeConfiguration(entry.configuration)] : [],
  );
}

/** Messages of these kinds that left in a span of time, its ends not counted. */
export function sentBetween(
  { messages }: Trace,
  fromMs: number,
  toMs: number,
  ...kinds: readonly Message['kind'][]
): TracedMessage[] {
  return messages.filter(
    ({ kind, sentUs }) =>
      kinds.some((each) => each === kind) && sentUs > fromMs * MS && sentUs < toMs * MS,
  );
}

/** Everything went well, and the faults did something. */
export function passes(t: ExecutionContext, { result }: Run): void {
  t.deepEqual(result.verdict, { kind: 'pass' });
  t.is(result.coverage.faultsBit, result.coverage.faultsScheduled);
}
