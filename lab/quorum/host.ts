/** Where a cluster runs: what experiments may do to its servers, and what a person would type. */

export type HostName = 'processes' | 'docker';

/**
 * What is done to one server as a whole. `wipe` clears the disk of one that is stopped; `recover`
 * makes a cluster of its own of one that is stopped, which all that start later belong to.
 */
export type ServerAction = 'stop' | 'kill' | 'pause' | 'start' | 'resume' | 'wipe' | 'recover';

export type HostedServer = {
  /** `node1`, `node2`, … */
  readonly id: string;
  /** What the other servers know it by, `host:port`. */
  readonly address: string;
  /** What this process reaches it by. */
  readonly url: string;
};

/** What the same server is called in commands that can be typed again. */
export type ShownServer = { readonly address: string; readonly url: string };

export interface QuorumHost {
  readonly name: HostName;
  /** All that were started, in the order of their ids. */
  servers(): readonly HostedServer[];
  /** A new cluster of so many servers with blank disks; resolves when each answers. */
  start(nodes: number): Promise<void>;
  /** Resolves when it has taken effect: the process is gone, stands still, or answers again. */
  act(action: ServerAction, id: string): Promise<void>;
  /** One more server, which waits to be joined. */
  addServer(): Promise<HostedServer>;
  shown(id: string): ShownServer;
  startCommand(nodes: number): string;
  addCommand(): string;
  commandFor(action: ServerAction, id: string): string;
  /** The cluster is gone, with its disks. */
  clear(): Promise<void>;
}

/** The cluster after `recover`. */
export const RECOVERED = 'raft-lab-2';

/** After so long without an answer a server takes a request for lost. */
export const REQUEST_TIMEOUT_MS = 1000;
