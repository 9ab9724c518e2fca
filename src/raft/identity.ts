/**
 * Who a member is: its id, which is its address, and its incarnation, which is new whenever its
 * disk is. A server that has lost its disk may have voted and vouched for entries that it no longer
 * knows of: "it cannot safely rejoin the cluster with its prior identity", but "with a new identity
 * by invoking a cluster membership change" (§3.8). The first incarnation goes by the plain id.
 */
import type { NodeId } from './types.ts';

const SEPARATOR = '#';
export const FIRST_INCARNATION = 1;

export function memberName(id: string, incarnation: number): NodeId {
  return incarnation === FIRST_INCARNATION ? id : `${id}${SEPARATOR}${incarnation}`;
}

/** The id within a member's name: where it is reached. */
export function addressOf(name: NodeId): string {
  const at = name.indexOf(SEPARATOR);
  return at < 0 ? name : name.slice(0, at);
}
