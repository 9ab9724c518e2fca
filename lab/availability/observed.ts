/** A simulated cluster with somebody who notes when it commits, changes and restarts. */
import type { Configuration, Effect, Input, RaftState } from '../../src/raft/types.ts';
import type { Schedule } from '../schedule.ts';
import { fnv1a } from '../sim/checksum.ts';
import type { Member } from '../sim/member.ts';
import { Simulation } from '../sim/simulation.ts';
import type { RunResult } from '../verdict.ts';
import type { Advance } from './gaps.ts';

const US_PER_MS = 1000;

export type Committed = { readonly atMs: number; readonly configuration: Configuration };

/** A server that went down and, unless it never came back, started again and caught up. */
export type Restart = {
  readonly node: string;
  readonly downMs: number;
  /** It led when it went down. */
  readonly led: boolean;
  /** When it knew of every entry that was committed; `null` if it never did. */
  caughtUpMs: number | null;
};

export type Observation = {
  readonly result: RunResult;
  readonly advances: readonly Advance[];
  /** The configurations as they were committed, without the first. */
  readonly configurations: readonly Committed[];
  readonly restarts: readonly Restart[];
  /** Who won an election, and when. */
  readonly elections: readonly { readonly atMs: number; readonly node: string }[];
};

export function observe(schedule: Schedule): { simulation: Simulation; observation: Observation } {
  const simulation = new ObservedSimulation(schedule, fnv1a, false);
  const result = simulation.run();
  const { advances, configurations, restarts, elections } = simulation;
  return { simulation, observation: { result, advances, configurations, restarts, elections } };
}

class ObservedSimulation extends Simulation {
  readonly advances: Advance[] = [];
  readonly configurations: Committed[] = [];
  readonly restarts: Restart[] = [];
  readonly elections: { atMs: number; node: string }[] = [];
  #index = 0;
  #configuration = this.configuration;
  #leaderTerm = 0;

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    super.stepped(member, input, effects, state);
    const atMs = this.events.nowUs / US_PER_MS;
    if (this.committedIndex > this.#index) {
      this.#index = this.committedIndex;
      this.advances.push({ atMs, index: this.#index });
    }
    if (this.configuration !== this.#configuration) {
      this.#configuration = this.configuration;
      this.configurations.push({ atMs, configuration: this.#configuration });
    }
    const { currentTerm } = state.persistent;
    if (state.role.kind === 'leader' && currentTerm > this.#leaderTerm) {
      this.#leaderTerm = currentTerm;
      this.elections.push({ atMs, node: member.id });
    }
    if (state.volatile.commitIndex === this.#index) this.#caughtUp(member, atMs);
  }

  override crash(member: Member): void {
    const led = member.raft?.role.kind === 'leader';
    const downMs = this.events.nowUs / US_PER_MS;
    this.restarts.push({ node: member.id, downMs, led, caughtUpMs: null });
    super.crash(member);
  }

  #caughtUp(member: Member, atMs: number): void {
    const restart = this.restarts.findLast(({ node }) => node === member.id);
    if (restart?.caughtUpMs === null) restart.caughtUpMs = atMs;
  }
}
