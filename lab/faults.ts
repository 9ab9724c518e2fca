/**
 * Faults as data: the same few verbs drive every host. A schedule is a list of actions in the order
 * of their times; random schedules come from a seed.
 */
import type { LinkSettings } from '../src/transport/link.ts';

/** A node by name, or whoever plays a part at that moment. */
export type Target = string | 'leader' | 'follower';

export type Fault =
  /** The node's thread or process is killed; what was not durable is lost. */
  | { kind: 'crash'; node: Target }
  /** A crashed node starts again on the storage that survived. */
  | { kind: 'restart'; node: Target }
  /** The node stands still while time goes on. */
  | { kind: 'pause'; node: Target }
  | { kind: 'resume'; node: Target }
  /** Messages pass only within a group; the nodes that no group names form one more. */
  | { kind: 'partition'; groups: readonly (readonly Target[])[] }
  /** Changes settings of the links from `from` to `to`; `*` stands for every node. */
  | { kind: 'link'; from: Target | '*'; to: Target | '*'; settings: Partial<LinkSettings> }
  /** Undoes every fault that is in force; the links are as the run began with. */
  | { kind: 'heal' };

/**
 * A fault at a moment counted from the start of the measured part; undone after `forMs` if given.
 */
export type FaultAction = { atMs: number; fault: Fault; forMs?: number };
