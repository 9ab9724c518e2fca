/**
 * A cluster of processes on this machine: for the cluster command, for tests, and for experiments
 * that stop, kill, pause and wipe its members. They end with the process that made them; see
 * `children.ts`.
 */
import { dataDirectory } from '../../src/config.ts';
import { LOOPBACK } from './ports.ts';
import { ProcessMember } from './process-member.ts';

export type ClusterOptions = {
  /** Each member has a directory of its own below it. */
  readonly dataDir: string;
  /** Settings of all members by their variables, such as `FAULTS`. */
  readonly environment?: Readonly<Record<string, string>>;
};

export class ProcessCluster {
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, ProcessMember>();

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** In the order in which they were added. */
  get members(): readonly ProcessMember[] {
    return [...this.#members.values()];
  }

  member(id: string): ProcessMember {
    const member = this.#members.get(id);
    if (member === undefined) throw new Error(`${id} is not a member of this cluster`);
    return member;
  }

  /** The first members, one per port; none is started yet. */
  addFirst(
    ports: readonly number[],
    environment: Readonly<Record<string, string>> = {},
  ): readonly ProcessMember[] {
    const ids = ports.map((port) => `${LOOPBACK}:${port}`);
    return ports.map((port, i) =>
      this.#add(
        port,
        ids.filter((_, other) => other !== i),
        environment,
      ),
    );
  }

  /** A server that, once started, waits to be joined. */
  addWaiting(port: number, environment: Readonly<Record<string, string>> = {}): ProcessMember {
    return this.#add(port, null, environment);
  }

  /** All that do not run. Where one cannot be started, those that could are stopped again. */
  async start(): Promise<void> {
    const begun = this.members.filter(({ isRunning }) => !isRunning);
    const results = await Promise.allSettled(begun.map((member) => member.start()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    await Promise.all(begun.map((member) => member.stop()));
    throw failed.reason;
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  /** All at once, as a power cut does it. */
  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  #add(
    port: number,
    peers: readonly string[] | null,
    environment: Readonly<Record<string, string>>,
  ): ProcessMember {
    const { dataDir, environment: ofAll } = this.#options;
    const member = new ProcessMember({
      port,
      dataDir: dataDirectory(dataDir, `${LOOPBACK}:${port}`),
      peers: peers ?? [],
      join: peers === null,
      environment: { ...ofAll, ...environment },
    });
    this.#members.set(member.id, member);
    return member;
  }
}
