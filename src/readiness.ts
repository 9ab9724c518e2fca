/**
 * Whether a server can serve: it hears from a leader, and has applied what that leader had
 * committed when this server came up. A read at the follower (§6.4) says so: it is answered once
 * the index that the leader gave it has been applied.
 */
import type { Reply } from './http/service.ts';

const AGAIN_MS = 50;

export class Readiness {
  readonly #read: () => Promise<Reply>;
  readonly #hearsLeader: () => boolean;
  #timer: NodeJS.Timeout | null = null;
  #hasCaughtUp = false;
  #stopped = false;

  constructor(read: () => Promise<Reply>, hearsLeader: () => boolean) {
    this.#read = read;
    this.#hearsLeader = hearsLeader;
  }

  start(): void {
    void this.#attempt();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** `null`, or what it waits for. */
  get waitsFor(): string | null {
    if (!this.#hearsLeader()) return 'it hears from no leader';
    return this.#hasCaughtUp ? null : 'it has not caught up with its leader since its start';
  }

  async #attempt(): Promise<void> {
    if (this.#hearsLeader()) {
      const { status } = await this.#read();
      this.#hasCaughtUp = status === 'ok' || status === 'notFound';
    }
    if (this.#hasCaughtUp || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#attempt(), AGAIN_MS);
  }
}
