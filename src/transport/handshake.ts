/**
 * What two servers say before any message of Raft passes between them, as pure rules: who they are,
 * that they belong together, and that both know the cluster's token. The server that was dialled
 * begins:
 *
 *   acceptor  challenge { nonce }
 *   dialler   hello     { version, clusterId, purpose, identity, nonce, proof }
 *   acceptor  welcome   { identity, proof }   or   refused { code, reason }
 *
 * A proof covers both nonces, so that an old one proves nothing, and the role of who gives it, so
 * that nobody's own proof can be handed back to him. It proves the servers to each other and no
 * more: what follows is neither signed nor encrypted.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { memberName } from '../raft/identity.ts';
import type { Index, NodeId } from '../raft/types.ts';

export const PROTOCOL_VERSION = 1;
/** The code of a refusal by who has met another incarnation of the peer. */
export const REFUSED_MEMBER = 'refused_member';
/** By who began with other members. */
export const WRONG_MEMBERS = 'wrong_members';
/** By who does not take the name for the peer's. */
export const WRONG_NAME = 'wrong_name';

export type PeerIdentity = {
  /** Its address, `host:port`. */
  readonly id: string;
  /** What the protocol knows it by: the id, or the id with the incarnation. */
  readonly name: NodeId;
  readonly incarnation: number;
  /** Where people reach it from outside, if it has said so. */
  readonly publicUrl: string | null;
  /** It belongs to no cluster yet, and waits to be joined. */
  readonly waiting: boolean;
  /** The members that its cluster began with, if it is one of them; else nobody. */
  readonly firstMembers: readonly string[];
  /** What it knows of who belongs; for information, and not said by everybody. */
  readonly membership?: CommittedMembership;
};

/** The names in a configuration that is committed, and the entry that brought it. */
export type CommittedMembership = {
  readonly index: Index;
  readonly names: readonly NodeId[];
};

/** A visitor wants to know who is there, and sends no messages. */
export type Purpose = 'messages' | 'visit';

export type Credentials = { readonly clusterId: string; readonly token: string | null };

/** `code` is one word for programs, `reason` one sentence for people. */
export type Refusal = { readonly code: string; readonly reason: string };

export type Hello = {
  readonly identity: PeerIdentity;
  readonly purpose: Purpose;
  readonly nonce: string;
};

export type Nonces = { readonly acceptor: string; readonly dialler: string };

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

export type Reply =
  | { readonly kind: 'welcome'; readonly identity: PeerIdentity }
  /** By the other server. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** What it answered is not acceptable to this one. */
  | { readonly kind: 'unacceptable'; readonly refusal: Refusal };

type Role = 'acceptor' | 'dialler';
type Fields = Readonly<Record<string, unknown>>;

const NONCE_BYTES = 16;
const NONCE_LENGTH_MAX = 64;
/** As much as a frame has room for. */
const NAME_BYTES_MAX = 255;
const PUBLIC_URL_LENGTH_MAX = 2048;
const MEMBERS_MAX = 100;
const QUOTED_LENGTH_MAX = 100;
const REASON_LENGTH_MAX = 500;

const ADDRESS = /^[\w.:[\]-]+:\d{1,5}$/;
/** Visible ASCII: it becomes part of a redirect's header. */
const PUBLIC_URL = /^https?:\/\/[!-~]+$/;
const CODE = /^\w{1,40}$/;

export function createNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url');
}

// ---- Challenge ----------------------------------------------------------------------------------

export function challengeText(nonce: string): string {
  return JSON.stringify({ kind: 'challenge', nonce });
}

/** The nonce. */
export function readChallenge(text: string): Checked<string> {
  const { kind, nonce } = fieldsOf(text);
  if (kind !== 'challenge') return malformed(`expected a challenge, got ${quoted(kind)}`);
  return isNonce(nonce) ? accepted(nonce) : malformed('expected a nonce in the challenge');
}

// ---- Hello --------------------------------------------------------------------------------------

export function helloText(
  credentials: Credentials,
  identity: PeerIdentity,
  purpose: Purpose,
  nonces: Nonces,
): string {
  return JSON.stringify({
    kind: 'hello',
    version: PROTOCOL_VERSION,
    clusterId: credentials.clusterId,
    purpose,
    identity,
    nonce: nonces.dialler,
    proof: proofOf('dialler', credentials, identity, nonces),
  });
}

/** `challenge` is the nonce that the hello answers. */
export function readHello(
  text: string,
  credentials: Credentials,
  challenge: string,
): Checked<Hello> {
  const { kind, version, clusterId, purpose, identity, nonce, proof } = fieldsOf(text);
  if (kind !== 'hello') return malformed(`expected a hello, got ${quoted(kind)}`);
  // First of all: another version may mean something else by the rest.
  if (version !== PROTOCOL_VERSION) return refused('wrong_version', versionReason(version));
  if (clusterId !== credentials.clusterId) {
    return refused('wrong_cluster', clusterReason(credentials.clusterId, clusterId));
  }
  if (purpose !== 'messages' && purpose !== 'visit') {
    return malformed(`expected the purpose messages or visit, got ${quoted(purpose)}`);
  }
  if (!isNonce(nonce)) return malformed('expected a nonce in the hello');
  const checked = readIdentity(identity);
  if (!checked.ok) return checked;
  const expected = proofOf('dialler', credentials, checked.value, {
    acceptor: challenge,
    dialler: nonce,
  });
  if (!isProof(proof, expected)) return refused('wrong_token', tokenReason(expected, proof));
  return accepted({ identity: checked.value, purpose, nonce });
}

/** Who a refused hello says it is from; good for a log and for nothing else. */
export function claimedId(text: string): string | null {
  const { id } = Object(fieldsOf(text).identity) as Fields;
  return typeof id === 'string' && id.length <= NAME_BYTES_MAX && ADDRESS.test(id) ? id : null;
}

// ---- Reply --------------------------------------------------------------------------------------

export function welcomeText(
  credentials: Credentials,
  identity: PeerIdentity,
  nonces: Nonces,
): string {
  const proof = proofOf('acceptor', credentials, identity, nonces);
  return JSON.stringify({ kind: 'welcome', identity, proof });
}

export function refusedText({ code, reason }: Refusal): string {
  return JSON.stringify({ kind: 'refused', code, reason });
}

/** `address` is the one that was dialled, and must be who answers. */
export function readReply(
  text: string,
  credentials: Credentials,
  nonces: Nonces,
  address: string,
): Reply {
  const fields = fieldsOf(text);
  if (fields.kind === 'refused') return { kind: 'refused', refusal: readRefusal(fields) };
  const welcome = readWelcome(fields, credentials, nonces, address);
  return welcome.ok
    ? { kind: 'welcome', identity: welcome.value }
    : { kind: 'unacceptable', refusal: welcome.refusal };
}

function readRefusal({ code, reason }: Fields): Refusal {
  return {
    code: typeof code === 'string' && CODE.test(code) ? code : 'malformed',
    reason: typeof reason === 'string' ? reason.slice(0, REASON_LENGTH_MAX) : 'no reason given',
  };
}

function readWelcome(
  { kind, identity, proof }: Fields,
  credentials: Credentials,
  nonces: Nonces,
  address: string,
): Checked<PeerIdentity> {
  if (kind !== 'welcome') return malformed(`expected a welcome, got ${quoted(kind)}`);
  const checked = readIdentity(identity);
  if (!checked.ok) return checked;
  const expected = proofOf('acceptor', credentials, checked.value, nonces);
  if (!isProof(proof, expected)) return refused('wrong_token', tokenReason(expected, proof));
  if (checked.value.id === address) return checked;
  const reason =
    `at ${address} answers ${quoted(checked.value.id)}; give that server ` +
    `NODE_ID=${address}, or name it by its own address`;
  return refused('wrong_id', reason);
}

// ---- Parts --------------------------------------------------------------------------------------

function readIdentity(value: unknown): Checked<PeerIdentity> {
  const { id, name, incarnation, publicUrl, waiting, firstMembers, membership } = Object(
    value,
  ) as Fields;
  if (typeof id !== 'string' || !ADDRESS.test(id)) {
    return malformed(`expected identity.id to be host:port, got ${quoted(id)}`);
  }
  if (typeof incarnation !== 'number' || !Number.isSafeInteger(incarnation) || incarnation < 1) {
    const came = quoted(incarnation);
    return malformed(`expected identity.incarnation to be an integer from 1, got ${came}`);
  }
  // The first members go by their addresses, whatever their incarnation.
  if (typeof name !== 'string' || (name !== id && name !== memberName(id, incarnation))) {
    return malformed(`expected identity.name to be a name of ${id}, got ${quoted(name)}`);
  }
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    return malformed(`expected identity.name to have at most ${NAME_BYTES_MAX} bytes`);
  }
  if (publicUrl !== null && !isPublicUrl(publicUrl)) {
    return malformed(`expected identity.publicUrl to be null or a URL, got ${quoted(publicUrl)}`);
  }
  if (typeof waiting !== 'boolean') {
    return malformed(`expected identity.waiting to be true or false, got ${quoted(waiting)}`);
  }
  if (!isAddressList(firstMembers)) {
    const came = quoted(firstMembers);
    return malformed(`expected identity.firstMembers to be a list of addresses, got ${came}`);
  }
  const identity = { id, name, incarnation, publicUrl, waiting, firstMembers };
  if (membership === undefined) return accepted(identity);
  if (!isMembership(membership)) {
    const came = quoted(membership);
    return malformed(`expected identity.membership to be an index and names, got ${came}`);
  }
  const { index, names } = membership;
  return accepted({ ...identity, membership: { index, names } });
}

function isMembership(value: unknown): value is CommittedMembership {
  const { index, names } = Object(value) as Fields;
  const isName = (each: unknown): boolean =>
    typeof each === 'string' && Buffer.byteLength(each) <= NAME_BYTES_MAX;
  return (
    typeof index === 'number' &&
    Number.isSafeInteger(index) &&
    index >= 0 &&
    Array.isArray(names) &&
    names.length <= MEMBERS_MAX &&
    names.every(isName)
  );
}

function isAddressList(value: unknown): value is string[] {
  const isOne = (each: unknown): boolean =>
    typeof each === 'string' && each.length <= NAME_BYTES_MAX && ADDRESS.test(each);
  return Array.isArray(value) && value.length <= MEMBERS_MAX && value.every(isOne);
}

function isPublicUrl(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= PUBLIC_URL_LENGTH_MAX &&
    PUBLIC_URL.test(value) &&
    URL.canParse(value)
  );
}

function isNonce(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NONCE_LENGTH_MAX;
}

/** `null` in a cluster without a token. */
function proofOf(
  role: Role,
  { clusterId, token }: Credentials,
  { id, name, incarnation, publicUrl, waiting, firstMembers, membership }: PeerIdentity,
  { acceptor, dialler }: Nonces,
): string | null {
  if (token === null) return null;
  // As JSON, because fields that are only strung together could be cut elsewhere.
  const belongs = membership === undefined ? [] : [membership.index, membership.names];
  const who = [id, name, incarnation, publicUrl, waiting, firstMembers, ...belongs];
  const said = JSON.stringify([role, acceptor, dialler, clusterId, ...who]);
  return createHmac('sha256', token).update(said).digest('base64url');
}

/** In a time that does not tell how much of it is right. */
function isProof(given: unknown, expected: string | null): boolean {
  if (expected === null) return given === null;
  if (typeof given !== 'string') return false;
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

/** Nothing where the text is not an object in JSON. */
function fieldsOf(text: string): Fields {
  try {
    return Object(JSON.parse(text)) as Fields;
  } catch {
    return {};
  }
}

function accepted<T>(value: T): Checked<T> {
  return { ok: true, value };
}

function refused(code: string, reason: string): Checked<never> {
  return { ok: false, refusal: { code, reason } };
}

function malformed(what: string): Checked<never> {
  return refused('malformed', `the handshake is malformed: ${what}`);
}

/** What came from elsewhere, short and on one line. */
function quoted(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, QUOTED_LENGTH_MAX);
}

function versionReason(version: unknown): string {
  return (
    `expected version ${PROTOCOL_VERSION} of the peers' protocol, got ${quoted(version)}; ` +
    'run the same release on all servers'
  );
}

function clusterReason(own: string, other: unknown): string {
  return (
    `expected cluster ${quoted(own)}, got ${quoted(other)}; set CLUSTER_ID alike on all servers ` +
    'of a cluster'
  );
}

function tokenReason(expected: string | null, given: unknown): string {
  let what = "the proof does not fit this cluster's token";
  if (expected === null) what = 'a proof came, and this server has no token';
  else if (given === null) what = "no proof of the cluster's token came";
  return `${what}; set CLUSTER_TOKEN alike on all servers`;
}
