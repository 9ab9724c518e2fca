/**
 * Progress where nothing is in the way, whatever faults there are elsewhere. A leader and a
 * follower whom nobody has disturbed for a while, nor the links between them, must have the same
 * log but for its end, and a leader with an undisturbed majority must have committed it. What only
 * the end of all faults would mend is found so.
 */
import { addressOf } from '../../src/raft/identity.ts';
import { lastIndex, latestConfiguration } from '../../src/raft/log.ts';
import type { Configuration, Index, NodeId, RaftState } from '../../src/raft/types.ts';
import { CheckFailure, PROPERTIES } from '../checker.ts';
import type { Schedule } from '../schedule.ts';
import type { Events } from './events.ts';
import type { Member } from './member.ts';
import { linkName, type Network } from './network.ts';

const US_PER_MS = 1000;
const LOOK_MS = 100;
/** Maximum election timeouts, and time beside that for a snapshot, or for what was missed. */
const CALM_ELECTIONS = 10;
const CALM_MS = 3000;
/** In a round trip: clients that repeat themselves write more. */
const ENTRIES_TOO_FEW = 2;

/** The one who leads, since when, and how long its log was at each look since then. */
type Lead = {
  readonly member: Member;
  readonly role: RaftState['role'];
  readonly configuration: Configuration;
  readonly lengths: Index[];
};

type Cluster = {
  readonly members: ReadonlyMap<NodeId, Member>;
  readonly network: Network;
  readonly events: Events;
};

export class Progress {
  readonly #cluster: Cluster;
  /** So many looks without a disturbance are a calm. */
  readonly #looks: number;
  readonly #leads = new Map<Member, Lead>();
  readonly #failed: (error: CheckFailure) => void;
  readonly #isPossible: boolean;
  #isOver = false;

  constructor(cluster: Cluster, schedule: Schedule, failed: (error: CheckFailure) => void) {
    this.#cluster = cluster;
    this.#failed = failed;
    const [, mostMs] = schedule.settings.electionTimeoutMs;
    this.#looks = Math.ceil((CALM_ELECTIONS * mostMs + CALM_MS) / LOOK_MS);
    // Where much is lost, or a round trip has room for an entry or two, no time is enough.
    const { loss } = schedule.link;
    const { batchEntries, windowMessages } = schedule.settings;
    const isRoom = windowMessages > 1 && windowMessages * batchEntries > ENTRIES_TOO_FEW;
    this.#isPossible = loss < 0.05 && isRoom;
  }

  start(): void {
    if (this.#isPossible) this.#lookSoon();
  }

  end(): void {
    this.#isOver = true;
  }

  #lookSoon(): void {
    this.#cluster.events.after(LOOK_MS * US_PER_MS, () => {
      if (this.#isOver) return;
      this.#look();
      this.#lookSoon();
    });
  }

  #look(): void {
    for (const member of this.#cluster.members.values()) {
      const { raft } = member;
      if (raft === null || raft.role.kind !== 'leader') {
        this.#leads.delete(member);
        continue;
      }
      let lead = this.#leads.get(member);
      const configuration = latestConfiguration(raft.persistent.log);
      if (lead?.role !== raft.role || lead.configuration !== configuration) {
        lead = { member, role: raft.role, configuration, lengths: [] };
        this.#leads.set(member, lead);
      }
      lead.lengths.push(lastIndex(raft.persistent.log));
      if (lead.lengths.length > this.#looks) this.#judge(lead, raft);
    }
  }

  #judge({ member: leader, configuration, lengths }: Lead, raft: RaftState): void {
    const due = lengths.shift() ?? 0;
    const calmUs = this.#looks * LOOK_MS * US_PER_MS;
    const { learners, outgoing, voters } = configuration;
    const calm = [...voters, ...learners].filter(
      (id) => id !== raft.id && this.#isCalm(leader, id, calmUs),
    );
    for (const id of calm) {
      const state = this.#cluster.members.get(addressOf(id))?.raft;
      const has = state === null || state === undefined ? 0 : lastIndex(state.persistent.log);
      if (has < due) this.#fail(`${id} has ${has} entries, where ${leader.id} had ${due}`, calmUs);
    }
    const reached = [...calm, raft.id].filter((id) => voters.includes(id)).length;
    // What is joint needs the others' majority as well, and does not last.
    if (reached <= voters.length / 2 || outgoing.length > 0) return;
    const { commitIndex } = raft.volatile;
    if (commitIndex < due) {
      this.#fail(`${leader.id} has committed ${commitIndex} of ${due} entries`, calmUs);
    }
  }

  #isCalm(leader: Member, id: NodeId, calmUs: number): boolean {
    const { events, members, network } = this.#cluster;
    const follower = members.get(addressOf(id));
    if (follower === undefined || follower.name !== id || follower.raft === null) return false;
    const sinceUs = events.nowUs - calmUs;
    return (
      leader.disturbedUs < sinceUs &&
      follower.disturbedUs < sinceUs &&
      network.disturbedUs(linkName(leader.id, follower.id)) < sinceUs &&
      network.disturbedUs(linkName(follower.id, leader.id)) < sinceUs
    );
  }

  #fail(what: string, calmUs: number): void {
    const ago = `${calmUs / US_PER_MS} ms ago, undisturbed since`;
    this.#failed(new CheckFailure(PROPERTIES.progress, `${what} ${ago}`));
  }
}
