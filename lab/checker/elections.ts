/** Who was elected, by whom, and what the leaders' logs held (§3.4, §3.6). */
import { lastIndex, lastTerm } from '../../src/raft/log.ts';
import type { Configuration, Index, NodeId, RaftState, Term } from '../../src/raft/types.ts';
import type { CommittedLog } from './committed.ts';
import type { SeenEntries } from './entries.ts';
import { isMajority } from './majority.ts';
import { fail } from './properties.ts';

/** A leader's log at its election ended so. */
type Election = {
  readonly id: NodeId;
  readonly term: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
};

export class Elections {
  readonly #committed: CommittedLog;
  readonly #entries: SeenEntries;
  readonly #leaders = new Map<Term, NodeId>();
  readonly #elections: Election[] = [];
  #latest: Election | null = null;

  constructor(committed: CommittedLog, entries: SeenEntries) {
    this.#committed = committed;
    this.#entries = entries;
  }

  /** The election of the highest term that anybody has won. */
  get latest(): Pick<Election, 'id' | 'term'> | null {
    return this.#latest;
  }

  /** A server leads; `configuration` is the latest in its log, `votes` who voted for whom. */
  elected(
    { id, persistent }: RaftState,
    configuration: Configuration,
    votes: ReadonlyMap<NodeId, NodeId> | undefined,
  ): void {
    const { currentTerm: term, log } = persistent;
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== id) {
      fail('electionSafety', `${id} and ${other} are leaders of term ${term}`);
    }
    this.#leaders.set(term, id);
    const election = { id, term, lastIndex: lastIndex(log), lastTerm: lastTerm(log) };
    this.#elections.push(election);
    if (this.#latest === null || this.#latest.term < term) this.#latest = election;
    // Its own vote may have reached no one else.
    const voters = new Set([id]);
    for (const [voter, candidate] of votes ?? []) if (candidate === id) voters.add(voter);
    if (!isMajority(configuration, (voter) => voters.has(voter))) {
      const by = [...voters].join(', ');
      fail('electedByMajority', `${id} leads term ${term} with the votes of ${by} alone`);
    }
    this.#checkComplete({ id, persistent });
  }

  /**
   * A candidate whose last vote was long on its way may lead a term that others have left; what was
   * committed in later terms it need not have.
   */
  #checkComplete({ id, persistent }: Pick<RaftState, 'id' | 'persistent'>): void {
    const { currentTerm, log } = persistent;
    const index = this.#committed.lastBefore(currentTerm);
    const committed = this.#committed.termAt(index);
    const has = this.#committed.termIn(log, index);
    if (has === committed) return;
    const instead = has === undefined ? 'nothing' : `one of term ${has}`;
    fail(
      'leaderCompleteness',
      `${id} leads term ${currentTerm} with ${instead} at ${index}, ` +
        `where one of term ${committed} is committed`,
    );
  }

  /**
   * A leader commits, though others may have left it: those who lead later terms must have it.
   */
  checkLaterLeaders({ id, persistent }: RaftState, index: Index, term: Term): void {
    const { currentTerm } = persistent;
    if (this.#latest === null || this.#latest.term <= currentTerm) return;
    for (let i = this.#elections.length - 1; i >= 0; i--) {
      const election = this.#elections[i] as Election;
      if (election.term <= currentTerm) continue;
      if (this.#entries.termAt(election.lastIndex, election.lastTerm, index) === term) continue;
      fail(
        'leaderCompleteness',
        `${id} of term ${currentTerm} commits entry ${index} of term ${term}, ` +
          `which ${election.id} did not have when it came to lead term ${election.term}`,
      );
    }
  }
}
