/**
 * Faults as data: the same few verbs drive every host. A schedule is a list of actions; each has a
 * moment, or a condition to wait for from a moment on.
 */
import type { LinkSettings } from '../src/transport/link.ts';

/** A node by name, or whoever plays a part at that moment. */
export type Target = string | 'leader' | 'follower';

export type Fault =
  /** The node's thread or process is killed; what was not durable is lost. */
  | { readonly kind: 'crash'; readonly node: Target }
  /** A crashed node starts again on the storage that survived. */
  | { readonly kind: 'restart'; readonly node: Target }
  /** The node stands still while time goes on. */
  | { readonly kind: 'pause'; readonly node: Target }
  /** The node stands still and its clock with it, as a virtual machine that is put to sleep. */
  | { readonly kind: 'suspend'; readonly node: Target }
  /** Ends a pause or a suspension. */
  | { readonly kind: 'resume'; readonly node: Target }
  /** Messages pass only within a group; the nodes that no group names form one more. */
  | { readonly kind: 'partition'; readonly groups: readonly (readonly Target[])[] }
  /** The links carry nothing, each in its one direction: any graph of connections. */
  | { readonly kind: 'cut'; readonly links: readonly (readonly [from: Target, to: Target])[] }
  /** Changes settings of the links from `from` to `to`; `*` stands for every node. */
  | {
      readonly kind: 'link';
      readonly from: Target | '*';
      readonly to: Target | '*';
      readonly settings: Partial<LinkSettings>;
    }
  /**
   * The node's clock jumps ahead, or, by a negative number, stands still for so long: a monotonic
   * clock does not go back.
   */
  | { readonly kind: 'clockJump'; readonly node: Target; readonly jumpMs: number }
  /** The node's clock gains so many microseconds a second from now on. */
  | { readonly kind: 'clockDrift'; readonly node: Target; readonly driftPpm: number }
  /** Every write takes this much longer. */
  | { readonly kind: 'diskSlow'; readonly node: Target; readonly latencyMs: number }
  /** Writes are refused; a node that cannot write stops, and starts again when there is room. */
  | { readonly kind: 'diskFull'; readonly node: Target }
  /**
   * A bit of a record that was durable flips. Found when the node starts next, which it then
   * refuses: it no longer knows what it has promised.
   */
  | { readonly kind: 'diskCorrupt'; readonly node: Target }
  /** Undoes every fault that is in force; the links are as the run began with. */
  | { readonly kind: 'heal' };

/** What an action may wait for. */
export type Condition =
  /** A node becomes leader. */
  | { readonly kind: 'leaderElected' }
  /** Exactly `nodes` running nodes know that entry `index` is committed. */
  | { readonly kind: 'committed'; readonly index: number; readonly nodes: number }
  /** The same of the latest entry that any server knows as committed. */
  | { readonly kind: 'latestCommitted'; readonly nodes: number };

/**
 * A fault at a moment counted from the start of the measured part, or, with `when`, the first time
 * from then on that the condition comes true; undone after `forMs` if given.
 */
export type FaultAction = {
  readonly atMs: number;
  readonly when?: Condition;
  readonly fault: Fault;
  readonly forMs?: number;
};

/** A fault in a few words, such as `crash n1`; the nodes may have been resolved before. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case 'heal':
      return 'heal all';
    case 'partition': {
      const groups = fault.groups.map((nodes) => `{${nodes.join(', ')}}`).join(' | ');
      return `partition ${groups || 'everyone apart'}`;
    }
    case 'cut':
      return `cut ${fault.links.map(([from, to]) => `${from} → ${to}`).join(', ')}`;
    case 'link': {
      const settings = Object.entries(fault.settings).map(([name, value]) => `${name} ${value}`);
      return `links ${fault.from} → ${fault.to}: ${settings.join(', ')}`;
    }
    case 'clockJump':
      return `clock of ${fault.node} jumps ${fault.jumpMs} ms`;
    case 'clockDrift':
      return `clock of ${fault.node} drifts ${fault.driftPpm} ppm`;
    case 'diskSlow':
      return `disk of ${fault.node} slower by ${fault.latencyMs} ms`;
    case 'diskFull':
      return `disk of ${fault.node} full`;
    case 'diskCorrupt':
      return `disk of ${fault.node} corrupted`;
    case 'crash':
    case 'restart':
    case 'pause':
    case 'suspend':
    case 'resume':
      return `${fault.kind} ${fault.node}`;
  }
}
