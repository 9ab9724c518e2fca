/**
 * Whether a server has been removed from its cluster, for whoever runs it. One that was down then,
 * or cut off, is sent nothing any more, not even that: so as long as it hears from no leader it
 * asks those whom it takes for members. What it learns is information for people. The protocol goes
 * on as if it had not been said.
 */
import { addressOf } from './raft/identity.ts';
import type { CommittedMembership, PeerIdentity } from './transport/handshake.ts';

/** What was learned: who said so, and what it said. */
export type Removed = { readonly by: string; readonly membership: CommittedMembership };

export type RemovalOptions = {
  /** Then it belongs, whatever others have said. */
  readonly hearsLeader: () => boolean;
  /** Addresses of those to ask. */
  readonly others: () => readonly string[];
  readonly self: () => PeerIdentity;
  /** Asks a server who it is; rejects if it does not answer, or refuses. */
  readonly identify: (address: string, timeoutMs: number) => Promise<PeerIdentity>;
  /** By this the server has been removed. */
  readonly isRemovedBy: (told: CommittedMembership | undefined) => boolean;
  readonly log: {
    info(message: string): void;
    warn(about: object, message: string): void;
  };
};

const EVERY_MS = 1000;

export class Removal {
  readonly #options: RemovalOptions;
  #removed: Removed | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: RemovalOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#look().then(() => this.#again()), EVERY_MS);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  get removed(): Removed | null {
    return this.#options.hearsLeader() ? null : this.#removed;
  }

  /** For people: what was learned and what to do, or `null`. */
  get reason(): string | null {
    const { removed } = this;
    if (removed === null) return null;
    const { index, names } = removed.membership;
    const members = names.map(addressOf).join(', ');
    return (
      `it was removed from the cluster, says ${removed.by}: since entry ${index} the members are ` +
      `${members}; ${this.#remedy()}`
    );
  }

  #remedy(): string {
    return (
      'stop this server; or, to have it join again, stop it, clear its data directory, start it ' +
      `with JOIN=true and send POST /raft/join {"peer":"${this.#options.self().id}"} to the leader`
    );
  }

  #again(): void {
    if (!this.#stopped) this.start();
  }

  async #look(): Promise<void> {
    const { hearsLeader, identify, isRemovedBy, others, self } = this.#options;
    const asked = hearsLeader() ? [] : others();
    const answers = await Promise.allSettled(asked.map((address) => identify(address, EVERY_MS)));
    const told = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (this.#stopped) return;
    // Time has passed: it may have heard from a leader meanwhile.
    if (hearsLeader()) {
      this.#become(null);
      return;
    }
    const teller = [self(), ...told].find(({ membership }) => isRemovedBy(membership));
    if (teller?.membership === undefined) return;
    this.#become({ by: teller.id, membership: teller.membership });
  }

  /** Once learned it holds, whoever is down by then, until a leader is heard from. */
  #become(removed: Removed | null): void {
    if ((removed === null) === (this.#removed === null)) return;
    this.#removed = removed;
    const { log } = this.#options;
    if (removed === null) log.info('it hears from a leader: it belongs to the cluster');
    else log.warn(removed, `removed from the cluster: ${this.#remedy()}`);
  }
}
