/** Looks again and again who leads: how often that changes is part of what a scenario measures. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostedServer } from './host.ts';
import type { Probe } from './probe.ts';

const EVERY_MS = 100;

export class Watch {
  readonly #probe: Probe;
  readonly #running: () => readonly HostedServer[];
  readonly #leaders = new Map<number, string>();
  #stopped = false;
  #looking: Promise<void> = Promise.resolve();

  constructor(probe: Probe, running: () => readonly HostedServer[]) {
    this.#probe = probe;
    this.#running = running;
  }

  /** Resolves when it has looked once. */
  async start(): Promise<void> {
    await this.#lookOnce();
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  /** Terms with a leader, beside the first. */
  get leaderChanges(): number {
    return Math.max(0, this.#leaders.size - 1);
  }

  /** What must never be, in sentences: two leaders in one term (§3.4). */
  readonly complaints: string[] = [];

  async #look(): Promise<void> {
    while (!this.#stopped) {
      await sleep(EVERY_MS);
      await this.#lookOnce();
    }
  }

  async #lookOnce(): Promise<void> {
    await Promise.all(this.#running().map((server) => this.#lookAt(server)));
  }

  async #lookAt(server: HostedServer): Promise<void> {
    const health = await this.#probe.health(server);
    if (health?.role !== 'leader') return;
    const { id, term } = health;
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id) this.complaints.push(`both ${known} and ${id} led in term ${term}`);
  }
}
