/**
 * Faults as data, and beside them what an operator does to a cluster: the same few verbs drive
 * every host. A schedule is a list of actions; each has a moment, or a condition to wait for from a
 * moment on.
 */
import type { LinkSettings } from '../src/transport/link.ts';
import type { Place } from './places.ts';

/**
 * A node or a spare by name, or whoever plays a part at that moment; `there` is who came to the
 * place that the action waits for.
 */
export type Target = string | 'leader' | 'follower' | 'there';

/** What an operator does on purpose. It is not undone: it takes another operation. */
export type AdminOperation =
  /** Leadership is handed to the node, which is another than leads (§3.10). */
  | { readonly kind: 'transfer'; readonly to: Target }
  /**
   * The node becomes a voter once it has caught up as a learner (§4.2.1). If a member of its id and
   * of an older incarnation belongs to the cluster, the same change takes that out.
   */
  | { readonly kind: 'join'; readonly node: string }
  /** The control: the node becomes a voter at once, however much of the log it lacks. */
  | { readonly kind: 'joinBlank'; readonly node: string }
  /** The node belongs to the cluster no more (§4.2.2, §4.2.3). */
  | { readonly kind: 'leave'; readonly node: Target }
  /** The node becomes a learner, and stays one. */
  | { readonly kind: 'learn'; readonly node: string }
  /**
   * These and no others belong to the cluster from then on, as voters: by joint consensus where
   * more than one comes or goes (§4.3).
   */
  | { readonly kind: 'configure'; readonly voters: readonly string[] }
  /** The node takes a snapshot now, whether it is due or not (§5.1). */
  | { readonly kind: 'snapshot'; readonly node: Target };

export type Fault =
  | AdminOperation
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
  /**
   * The node's disk is lost: it starts again on a blank one, under a new incarnation, which belongs
   * to no configuration until it joins.
   */
  | { readonly kind: 'wipe'; readonly node: Target }
  /** Undoes every fault that is in force; the links are as the run began with. */
  | { readonly kind: 'heal' };

/** What an action may wait for. */
export type Condition =
  /** A node becomes leader. */
  | { readonly kind: 'leaderElected' }
  /** Exactly `nodes` running nodes know that entry `index` is committed. */
  | { readonly kind: 'committed'; readonly index: number; readonly nodes: number }
  /** The same of the latest entry that any server knows as committed. */
  | { readonly kind: 'latestCommitted'; readonly nodes: number }
  /** Some server comes to a place (places.ts); the simulator alone sees that. */
  | { readonly kind: 'reached'; readonly place: Place };

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

const ADMIN_OPERATIONS: Readonly<Record<AdminOperation['kind'], true>> = {
  transfer: true,
  join: true,
  joinBlank: true,
  leave: true,
  learn: true,
  configure: true,
  snapshot: true,
};

export function isAdminOperation(fault: Fault): fault is AdminOperation {
  return Object.hasOwn(ADMIN_OPERATIONS, fault.kind);
}

/** Whom an operation is about; `null` where it names several. */
export function targetOf(operation: AdminOperation): Target | null {
  switch (operation.kind) {
    case 'transfer':
      return operation.to;
    case 'configure':
      return null;
    default:
      return operation.node;
  }
}

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
    case 'transfer':
      return `transfer to ${fault.to}`;
    case 'joinBlank':
      return `join ${fault.node} at once`;
    case 'learn':
      return `join ${fault.node} as learner`;
    case 'configure':
      return `configure ${fault.voters.join(', ')}`;
    case 'crash':
    case 'restart':
    case 'pause':
    case 'suspend':
    case 'resume':
    case 'join':
    case 'leave':
    case 'snapshot':
    case 'wipe':
      return `${fault.kind} ${fault.node}`;
  }
}
