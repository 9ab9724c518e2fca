/**
 * Who a server is, as its data directory knows it, and whom it takes others for: pure rules. A
 * member is its address and its incarnation, which is drawn with a blank disk. The first members
 * know each other by address alone, so each of them holds the others to the incarnation that it met
 * first: one that comes back with another has lost its disk, may have voted, and is refused until
 * it has left and joined again, under a name that carries the new one (§3.8, identity.ts).
 */
import { configurationOf } from './entry.ts';
import { addressOf, FIRST_INCARNATION, memberName } from './raft/identity.ts';
import type { Configuration, NodeId, PlacedConfiguration } from './raft/types.ts';
import {
  type CommittedMembership,
  type PeerIdentity,
  REFUSED_MEMBER,
  type Refusal,
  WRONG_MEMBERS,
  WRONG_NAME,
} from './transport/handshake.ts';

export type MemberRecord = {
  readonly version: 1;
  readonly clusterId: string;
  /** The address. */
  readonly id: string;
  readonly incarnation: number;
  /** What the protocol knows it by. */
  readonly name: NodeId;
  /** The members before the first entry of the log; nobody where it waits to be joined. */
  readonly configuration: Configuration;
  /** The cluster that it belonged to before it went on alone (`recover-alone.ts`). */
  readonly recoveredFrom?: string;
};

/** Incarnations by member name. */
export type KnownMembers = Readonly<Record<NodeId, number>>;

/** Throws RangeError or SyntaxError for a text that is none. */
export function parseMemberRecord(text: string): MemberRecord {
  const record: MemberRecord = JSON.parse(text);
  const { version, clusterId, id, incarnation, name, configuration } = Object(record);
  const texts = [clusterId, id, name].every((each) => typeof each === 'string');
  if (version !== 1 || !texts || !Number.isSafeInteger(incarnation)) {
    throw new RangeError(`expected a member of version 1, got ${text}`);
  }
  configurationOf(configuration);
  return record;
}

/** Throws RangeError or SyntaxError for a text that is none. */
export function parseKnownMembers(text: string): KnownMembers {
  const known: KnownMembers = JSON.parse(text);
  if (Object(known) === known && Object.values(known).every(Number.isSafeInteger)) return known;
  throw new RangeError(`expected incarnations by names, got ${text}`);
}

const NOBODY: Configuration = { voters: [], outgoing: [], learners: [] };
/** As many as a safe integer has room for. */
const INCARNATION_BITS = 48;

/** `draw` gives random bits as an unsigned integer. */
export function drawIncarnation(draw: (bits: number) => number): number {
  return Math.max(FIRST_INCARNATION + 1, draw(INCARNATION_BITS));
}

/** One of the first members; the others have the same list. */
export function firstMember(
  clusterId: string,
  id: string,
  peers: readonly string[],
  incarnation: number,
): MemberRecord {
  const voters = [...new Set([id, ...peers])].sort();
  return { version: 1, clusterId, id, incarnation, name: id, configuration: { ...NOBODY, voters } };
}

/** Belongs to no configuration until it joins one, by a name that no one has had. */
export function waitingMember(clusterId: string, id: string, incarnation: number): MemberRecord {
  const name = memberName(id, incarnation);
  return { version: 1, clusterId, id, incarnation, name, configuration: NOBODY };
}

/**
 * The one that is left of a cluster, in a new one: under another name, so that nothing that was
 * meant for the old one is taken for it, and with no first members that others could begin with.
 */
export function recoveredMember(
  { clusterId: recoveredFrom, id }: MemberRecord,
  clusterId: string,
  incarnation: number,
): MemberRecord {
  return { ...waitingMember(clusterId, id, incarnation), recoveredFrom };
}

export type Judgement =
  | { readonly kind: 'accepted' }
  /** To be remembered, durably, before it is let in. */
  | { readonly kind: 'new' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Whether `peer` is who its name says, and if both are first members, began with the same ones. */
export function judgePeer(own: MemberRecord, known: KnownMembers, peer: PeerIdentity): Judgement {
  const { id, name, incarnation, firstMembers } = peer;
  const before = known[name];
  if (id === own.id) return refused(WRONG_NAME, `${id} is this server's own address`);
  if (name !== id) {
    if (name === memberName(id, incarnation)) {
      return { kind: before === undefined ? 'new' : 'accepted' };
    }
    return refused(WRONG_NAME, `${name} is not the name of incarnation ${incarnation} of ${id}`);
  }
  const { voters } = own.configuration;
  // Majorities of different sets need not have a server in common.
  if (voters.length > 0 && voters.join() !== firstMembers.join()) {
    return refused(
      WRONG_MEMBERS,
      `${id} began with ${firstMembers.join(', ') || 'nobody'}, and ${own.id} with ` +
        `${voters.join(', ')}; clear the data directory of the one that is wrong, and start it ` +
        'with the same PEERS, or with JOIN=true to have it joined',
    );
  }
  if (before === undefined) return { kind: 'new' };
  if (before === incarnation) return { kind: 'accepted' };
  return refused(
    REFUSED_MEMBER,
    `${id} was incarnation ${before} and came back as ${incarnation}: its disk is another one, ` +
      'and it may have voted; it must leave and join again',
  );
}

/** Every server of a configuration by its name, each once. */
export function membersOf({ voters, outgoing, learners }: Configuration): NodeId[] {
  return [...new Set([...voters, ...outgoing, ...learners])];
}

/**
 * Whether a server called `name`, which knows of these configurations, has been removed since by
 * what another one knows to be committed. Who knows less than the server itself proves nothing; and
 * a server that was joined again later is told so by its leader.
 */
export function isRemovedBy(
  told: CommittedMembership | undefined,
  name: NodeId,
  own: readonly PlacedConfiguration[],
): boolean {
  const belonged = own.findLast(({ configuration }) => membersOf(configuration).includes(name));
  if (told === undefined || told.names.length === 0 || told.names.includes(name)) return false;
  return told.index > (belonged?.index ?? -1);
}

/** Members come and go; of the names that carry their incarnation this many are kept. */
const NAMED_MAX = 256;

/** Only the names of first members must never be forgotten. */
export function remembered(known: KnownMembers, peer: PeerIdentity): KnownMembers {
  const named = Object.keys(known).filter((name) => addressOf(name) !== name);
  const kept = { ...known, [peer.name]: peer.incarnation };
  for (const name of named.slice(0, Math.max(0, named.length - NAMED_MAX + 1))) delete kept[name];
  return kept;
}

function refused(code: string, reason: string): Judgement {
  return { kind: 'refused', refusal: { code, reason } };
}
