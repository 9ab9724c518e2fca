/** A run of the simulator that counts how often each feature of the protocol was put to use. */

import type { Schedule } from '../../lab/schedule.ts';
import { fnv1a } from '../../lab/sim/checksum.ts';
import type { Member } from '../../lab/sim/member.ts';
import { Simulation } from '../../lab/sim/simulation.ts';
import type { RunResult } from '../../lab/verdict.ts';
import { OperationReader, RecordWriter, ResultReader } from '../../src/command.ts';
import { Kv } from '../../src/kv.ts';
import { FIRST_INCARNATION, memberName } from '../../src/raft/identity.ts';
import { electionTimeoutUs } from '../../src/raft/roles.ts';
import type { Effect, Entry, Input, NodeId, RaftState, Refusal } from '../../src/raft/types.ts';

export const FEATURES = [
  'snapshots taken',
  'snapshots installed',
  'learners',
  'joint configurations',
  'leaders removed',
  'disks replaced',
  'catch-ups given up',
  'hand-overs',
  'hand-overs given up',
  'reads by a round',
  'reads by a lease, without a round',
  'reads by a follower',
  'reads through the log',
  'stale reads',
  'sessions expired',
  'commands refused as too many',
  'elections by adapted timeouts',
] as const;
export type Feature = (typeof FEATURES)[number];
export type FeatureCounts = Record<Feature, number>;

export function noFeatures(): FeatureCounts {
  return Object.fromEntries(FEATURES.map((feature) => [feature, 0])) as FeatureCounts;
}

/** Runs the schedule and adds what it used to `counts`. */
export function runCounted(schedule: Schedule, counts: FeatureCounts): RunResult {
  const simulation = new CountingSimulation(schedule, counts);
  const result = simulation.run();
  counts['hand-overs'] += result.coverage.handovers;
  counts['snapshots installed'] += result.coverage.snapshotsInstalled;
  counts['stale reads'] += simulation.clients.staleReads;
  countCommitted(simulation.committed, schedule, counts);
  return result;
}

class CountingSimulation extends Simulation {
  readonly #counts: FeatureCounts;
  readonly #roles = new Map<NodeId, string>();

  constructor(schedule: Schedule, counts: FeatureCounts) {
    super(schedule, fnv1a, false);
    this.#counts = counts;
  }

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    super.stepped(member, input, effects, state);
    const counts = this.#counts;
    if (input.kind === 'snapshotSaved') counts['snapshots taken']++;
    for (const effect of effects) {
      if (effect.kind !== 'answer') continue;
      const { answer } = effect;
      if (answer.kind === 'readable') counts[wayOf(input)]++;
      if (answer.kind === 'rejected') this.#refused(answer.reason);
    }
    this.#noteRole(state);
  }

  #refused(reason: Refusal): void {
    const counts = this.#counts;
    if (reason === 'overloaded') counts['commands refused as too many']++;
    if (reason === 'catchUpTimeout') counts['catch-ups given up']++;
    if (reason === 'transferTimeout') counts['hand-overs given up']++;
  }

  #noteRole(state: RaftState): void {
    const { id, role, settings } = state;
    const now = `${role.kind} ${role.reason}`;
    if (this.#roles.get(id) === now) return;
    this.#roles.set(id, now);
    if (role.reason === 'removed from the cluster') this.#counts['leaders removed']++;
    const asks = role.kind === 'preCandidate' || role.kind === 'candidate';
    const fixedUs = Math.round(settings.electionTimeoutMs[0] * 1000);
    if (asks && electionTimeoutUs(state)[0] !== fixedUs) {
      this.#counts['elections by adapted timeouts']++;
    }
  }
}

/** By what it was confirmed. */
function wayOf(input: Input): Feature {
  if (input.kind === 'read') return 'reads by a lease, without a round';
  const isAnswer = input.kind === 'message' && input.message.kind === 'ReadIndexResponse';
  return isAnswer ? 'reads by a follower' : 'reads by a round';
}

/** What the committed log tells: memberships, and how the state machine answers. */
function countCommitted(
  committed: readonly Entry[],
  { clients }: Schedule,
  counts: FeatureCounts,
): void {
  const kv = new Kv({ sessionsMax: clients.sessionsMax });
  const replaced = new Set<NodeId>();
  for (const entry of committed) {
    if (entry.kind === 'configuration') {
      const { learners, outgoing, voters } = entry.configuration;
      if (learners.length > 0) counts.learners++;
      if (outgoing.length > 0) counts['joint configurations']++;
      for (const voter of voters) if (!isFirst(voter)) replaced.add(voter);
    }
    if (entry.kind !== 'command') continue;
    const command = new OperationReader(entry.command);
    while (command.next()) if (command.kind === 'get') counts['reads through the log']++;
    const results = new RecordWriter();
    kv.apply(entry.index, entry.command, results);
    const result = new ResultReader(results.take());
    while (result.next()) if (result.status === 'sessionExpired') counts['sessions expired']++;
  }
  counts['disks replaced'] += replaced.size;
}

function isFirst(name: NodeId): boolean {
  const [id = ''] = name.split('#');
  return memberName(id, FIRST_INCARNATION) === name;
}
