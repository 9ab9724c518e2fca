/**
 * The servers of a cluster that are killed again and again. Each is started again at once, and
 * when which were up is written down.
 */
import { messageOf, oneLine } from '../../src/user-error.ts';
import type { Recorder } from '../http/recorder.ts';
import type { ProcessCluster } from '../processes/cluster-processes.ts';
import type { ProcessMember } from '../processes/process-member.ts';
import { ask } from '../processes/requests.ts';

const HEALTH_WITHIN_MS = 300;

export class Victims {
  /** From spawning a process until it answered `/health`. */
  readonly startUpsMs: number[] = [];
  readonly #cluster: ProcessCluster;
  readonly #recorder: Recorder;
  readonly #up = new Set<string>();
  /** How many were up from a moment on, in order. */
  readonly #counts: { readonly atMs: number; readonly up: number }[] = [];
  readonly #keeping: Promise<void>[] = [];
  readonly #failed = Promise.withResolvers<never>();
  #ended = false;

  constructor(cluster: ProcessCluster, recorder: Recorder) {
    this.#cluster = cluster;
    this.#recorder = recorder;
    // Whoever waits for it has it thrown; without one it is no accident of the process.
    this.#failed.promise.catch(() => {});
  }

  /** Rejects when a server ends that nobody has killed, or does not start again. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  async start(): Promise<void> {
    await this.#cluster.start();
    for (const member of this.#cluster.members) {
      this.#note(member, true);
      this.#keeping.push(this.#keepUp(member));
    }
  }

  /** No more is started; those that run are stopped. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#cluster.stop();
    await Promise.all(this.#keeping);
    // One may have been on its way.
    await this.#cluster.stop();
  }

  /** The moment at which these got SIGKILL. */
  kill(members: readonly ProcessMember[]): number {
    const atMs = this.#recorder.nowMs();
    for (const member of members) {
      this.#note(member, false, atMs);
      void member.kill();
    }
    return atMs;
  }

  /** Who says that it leads; of two, the one of the later term. */
  async leader(): Promise<ProcessMember | null> {
    const answers = await Promise.all(
      this.#cluster.members.map(async (member) => {
        const health = await ask(`${member.url}/health`, { limitMs: HEALTH_WITHIN_MS });
        return { member, role: health?.body.role, term: Number(health?.body.term ?? 0) };
      }),
    );
    const leaders = answers.filter(({ role }) => role === 'leader').sort((a, b) => b.term - a.term);
    return leaders[0]?.member ?? null;
  }

  /** How long after that moment a majority was up; 0 if it always was, `null` if never again. */
  majorityAfterMs(killedMs: number): number | null {
    const majority = Math.floor(this.#cluster.members.length / 2) + 1;
    const then = this.#counts.findLast(({ atMs }) => atMs <= killedMs);
    if (then !== undefined && then.up >= majority) return 0;
    const again = this.#counts.find(({ atMs, up }) => atMs > killedMs && up >= majority);
    return again === undefined ? null : again.atMs - killedMs;
  }

  get allUp(): boolean {
    return this.#up.size === this.#cluster.members.length;
  }

  async #keepUp(member: ProcessMember): Promise<void> {
    while (!this.#ended) {
      const { code, signal } = await member.exited;
      if (this.#ended) return;
      if (signal !== 'SIGKILL') {
        this.#fail(`${member.id} ended by itself, status ${code}: ${member.lastWords}`);
        return;
      }
      const beginMs = this.#recorder.nowMs();
      try {
        await member.start();
        this.startUpsMs.push(this.#recorder.nowMs() - beginMs);
        this.#note(member, true);
      } catch (error) {
        // It may have been killed on its way up, which is what it is here for.
        if ((await member.exited).signal === 'SIGKILL') continue;
        this.#fail(`${member.id} was killed and did not start again: ${messageOf(error)}`);
        return;
      }
    }
  }

  #note({ id }: ProcessMember, isUp: boolean, atMs: number = this.#recorder.nowMs()): void {
    if (isUp) this.#up.add(id);
    else this.#up.delete(id);
    this.#counts.push({ atMs, up: this.#up.size });
  }

  #fail(message: string): void {
    this.#failed.reject(new Error(oneLine(message)));
  }
}
