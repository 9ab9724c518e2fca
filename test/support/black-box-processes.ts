/** The three servers of a black-box run as processes of this machine, and a fourth that waits. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessCluster } from '../../lab/processes/cluster-processes.ts';
import { freePorts } from '../../lab/processes/ports.ts';
import type { ProcessMember } from '../../lab/processes/process-member.ts';
import { BlackBoxCluster, type Hands } from './black-box-cluster.ts';

const ENVIRONMENT = {
  FAULTS: 'true',
  // Nobody is to take over while a busy machine lets a leader wait.
  ELECTION_TIMEOUT_MS: '1500-3000',
  // Less than that: a write can be given up before its leader steps down.
  REQUEST_TIMEOUT_MS: '1300',
  JOIN_TIMEOUT_MS: '2000',
};

export class Processes implements Hands {
  readonly dataDir: string;
  readonly waitingUrl: string;
  readonly #processes: ProcessCluster;
  readonly #first: readonly ProcessMember[];

  static async start(): Promise<Processes> {
    const processes = new Processes(await freePorts(4));
    await processes.#processes.start();
    return processes;
  }

  private constructor([waitingPort = 0, ...ports]: readonly number[]) {
    this.dataDir = mkdtempSync(join(tmpdir(), 'black-box-'));
    this.#processes = new ProcessCluster({ dataDir: this.dataDir, environment: ENVIRONMENT });
    this.#first = this.#processes.addFirst(ports);
    this.waitingUrl = this.#processes.addWaiting(waitingPort).publicUrl;
  }

  get members(): readonly ProcessMember[] {
    return this.#first;
  }

  openCluster(): Promise<BlackBoxCluster> {
    return BlackBoxCluster.open(
      this.#first.map(({ publicUrl }) => publicUrl),
      this,
    );
  }

  async stop(id: string): Promise<void> {
    await this.#processes.member(id).stop();
  }

  async kill(id: string): Promise<void> {
    await this.#processes.member(id).kill();
  }

  async start(id: string): Promise<void> {
    await this.#processes.member(id).start();
  }

  async end(): Promise<void> {
    await this.#processes.kill();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
