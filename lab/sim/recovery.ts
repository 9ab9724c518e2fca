/**
 * The second phase: is a healed majority one cluster again? Whoever is healed must follow one
 * leader, have equal logs and have applied them, and every client must have been served a write and
 * a read that began after the healing.
 */

import { describeState } from '../../src/raft/describe.ts';
import { latestConfiguration } from '../../src/raft/log.ts';
import type { Member } from './member.ts';
import { leaderOf } from './nemesis.ts';
import { isCaughtUp, type Simulation } from './simulation.ts';

/** How often it is looked at. */
const LOOK_US = 5000;

export class Recovery {
  isOver = false;
  readonly #simulation: Simulation;
  /** Who must recover, as far as they belong: the core, and who else is healed and can run. */
  readonly #healed: readonly Member[];
  /** Operations that are still to be served. */
  #outstanding = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    const { core, others } = simulation.schedule.recovery;
    this.#healed = [...simulation.members.values()].filter(
      ({ id, state }) => core.includes(id) || (others === 'healed' && state !== 'lost'),
    );
    const { count } = simulation.schedule.clients;
    for (let client = 0; client < count; client++) this.#serve(client, 'put');
    simulation.events.after(LOOK_US, () => this.#look());
  }

  /** What is missing, in a sentence. */
  lack(): string {
    const lost = this.#healed.filter(({ state }) => state !== 'running').map(({ id }) => id);
    if (lost.length > 0) return `${lost.join(', ')} cannot run`;
    const leader = this.#leader();
    if (leader === null) return `there is no leader; ${this.#states()}`;
    const late = this.#late(leader);
    if (late.length > 0) return `${late.join(', ')} did not catch up; ${this.#states()}`;
    const waiting = this.#waiting(leader).map(({ id, requestsOpen }) => `${requestsOpen} at ${id}`);
    if (waiting.length > 0) {
      return `requests of clients wait for an answer: ${waiting.join(', ')}; ${this.#states()}`;
    }
    return `${this.#outstanding} fresh operations were not served; ${this.#states()}`;
  }

  /** A put, and once it is served a get; repeated until served. */
  #serve(client: number, op: 'put' | 'get'): void {
    const { clients, events } = this.#simulation;
    this.#outstanding++;
    const atMs = events.nowUs / 1000;
    const value = op === 'put' ? { value: `recovered ${client}` } : {};
    clients.call({ atMs, client, op, key: `recovery ${client}`, ...value }, (ok) => {
      this.#outstanding--;
      if (!ok) this.#serve(client, op);
      else if (op === 'put') this.#serve(client, 'get');
    });
  }

  #look(): void {
    const leader = this.#leader();
    this.isOver =
      this.#outstanding === 0 &&
      leader !== null &&
      this.#late(leader).length === 0 &&
      this.#simulation.clients.pending === 0 &&
      this.#waiting(leader).length === 0;
    if (!this.isOver) this.#simulation.events.after(LOOK_US, () => this.#look());
  }

  /** Who belongs answers all that it was asked, whether its client still waits or not. */
  #waiting(leader: Member): Member[] {
    return this.#belonging(leader).filter(({ requestsOpen, isUp }) => isUp && requestsOpen > 0);
  }

  #leader(): Member | null {
    return leaderOf(this.#healed);
  }

  #late(leader: Member): string[] {
    const { raft } = leader;
    if (raft === null) return [];
    return this.#belonging(leader)
      .filter((member) => !isCaughtUp(member, raft))
      .map(({ id }) => id);
  }

  /** Spares, and those who left, are sent nothing. */
  #belonging({ raft }: Member): Member[] {
    if (raft === null) return [];
    const { learners, outgoing, voters } = latestConfiguration(raft.persistent.log);
    const belonging = new Set([...voters, ...outgoing, ...learners]);
    return this.#healed.filter(({ name }) => belonging.has(name));
  }

  #states(): string {
    return this.#healed
      .map(({ id, raft }) => (raft === null ? `${id} is down` : describeState(raft)))
      .join('; ');
  }
}
