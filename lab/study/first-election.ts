/**
 * The first election of a cluster in which nobody leads yet and all timers are fresh, as in the
 * models and in the simulator of the dissertation (§9.2 to §9.5): no PreVote, no CheckQuorum, no
 * stickiness, and disks and processors that take no time.
 */
import { between, fork, type RandomState } from '../../src/raft/random.ts';
import { electionTimeoutUs } from '../../src/raft/roles.ts';
import type { Effect, Entry, Input, RaftState } from '../../src/raft/types.ts';
import type { LinkSettings } from '../../src/transport/link.ts';
import type { Pairs } from '../report/content.ts';
import type { Member } from '../sim/member.ts';
import { type ClusterPlan, PLAIN, StudyCluster } from './cluster.ts';

export type FirstElectionPlan = {
  readonly seed: number;
  readonly servers: number;
  /** Servers that never start: those with the longest logs, as after a leader has failed. */
  readonly failed: number;
  /** `different`: each server's log is an entry longer than the one's before it (§9.5). */
  readonly logs: 'equal' | 'different';
  readonly electionTimeoutMs: readonly [low: number, high: number];
  readonly link: Partial<LinkSettings>;
  /** The control: a server that learns of a later term also starts its timer anew. */
  readonly resetsOnLaterTerm?: boolean;
};

export type FirstElection = {
  /** From the start until a server leads. */
  readonly leaderlessMs: number;
  /** Elections that were begun, the successful one included. */
  readonly terms: number;
};

/** §9.4's simulated WAN across a continent, of five servers. */
export const WAN: Pick<FirstElectionPlan, 'servers' | 'electionTimeoutMs' | 'link'> = {
  servers: 5,
  electionTimeoutMs: [300, 600],
  link: { delayMs: 35, jitterMs: 5, distribution: 'uniform' },
};

/** The same, as reports say it. */
export const WAN_SETUP: Pairs = [
  ['servers', '5, of which some never start'],
  ['network', '30 to 40 ms one way, drawn for each message'],
  ['election timeout', '300 to 600 ms, drawn to the microsecond; all timers start at 0'],
  ['different logs', 'no two alike, each a prefix of the next; the longest are down'],
];

const TERM = 1;
const LIMIT_MS = 3_600_000;

export function firstElection(plan: FirstElectionPlan): FirstElection {
  const { electionTimeoutMs, failed, link, logs, resetsOnLaterTerm = false, seed } = plan;
  const nodes = plan.servers;
  const shared = { seed, nodes, link, settings: { ...PLAIN, electionTimeoutMs } };
  const cluster = resetsOnLaterTerm ? new ResettingCluster(shared) : new StudyCluster(shared);
  const members = [...cluster.members.values()];
  for (const [i, { id }] of members.entries()) {
    const entries = entriesUpTo(logs === 'equal' ? 1 : i + 1);
    cluster.preset(id, { term: TERM, entries });
  }
  for (const member of members.slice(0, nodes - failed)) cluster.start(member);
  if (!cluster.runUntil(LIMIT_MS, () => cluster.elections.length > 0)) {
    throw new Error(`no leader within ${LIMIT_MS} ms of the start`);
  }
  return { leaderlessMs: cluster.nowMs, terms: (cluster.elections[0]?.term ?? TERM) - TERM };
}

function entriesUpTo(last: number): Entry[] {
  return Array.from({ length: last }, (_, i) => ({ kind: 'noop', index: i + 1, term: TERM }));
}

/**
 * Timers start anew whenever a term does, whoever begins it. Figure 3.1 has it otherwise: only a
 * granted vote and the word of a leader do that. The node is the same; somebody turns its timer.
 */
class ResettingCluster extends StudyCluster {
  readonly #terms = new Map<string, number>();
  readonly #rng: RandomState;

  constructor(plan: ClusterPlan) {
    super(plan);
    this.#rng = fork(plan.seed, 'timers that start anew');
  }

  /** Its servers reset their timers where none should, which the duties would find. */
  override checkDuties(): void {}

  override stepped(
    member: Member,
    input: Input,
    effects: readonly Effect[],
    state: RaftState,
  ): void {
    super.stepped(member, input, effects, state);
    const { currentTerm } = state.persistent;
    const isLater = currentTerm > (this.#terms.get(member.id) ?? TERM);
    this.#terms.set(member.id, currentTerm);
    // The node looks at its deadlines when its step has been seen.
    if (!isLater || state.role.kind !== 'follower') return;
    const [lowUs, highUs] = electionTimeoutUs(state);
    state.volatile.electionDeadlineUs = input.nowUs + between(this.#rng, lowUs, highUs);
  }
}
