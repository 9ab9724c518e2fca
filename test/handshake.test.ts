/**
 * Shows who lets whom in: servers of one cluster, version and token, who say who they are in a form
 * that can be used; and that whatever else comes is refused with a reason, never an exception.
 *
 *     npx ava test/handshake.test.ts
 */
import test from 'ava';
import fc from 'fast-check';
import {
  type Credentials,
  challengeText,
  claimedId,
  createNonce,
  helloText,
  type PeerIdentity,
  PROTOCOL_VERSION,
  readChallenge,
  readHello,
  readReply,
  refusedText,
  welcomeText,
} from '../src/transport/handshake.ts';
import { always } from './support/property.ts';

const OPEN: Credentials = { clusterId: 'lab', token: null };
const GUARDED: Credentials = { clusterId: 'lab', token: 'a secret' };
const NONCES = { acceptor: 'nonce of n1', dialler: 'nonce of n2' };
const ONE: PeerIdentity = {
  id: 'node1:8000',
  name: 'node1:8000',
  incarnation: 7,
  publicUrl: 'http://localhost:8001',
  waiting: false,
  firstMembers: ['node1:8000', 'node2:8000'],
};
const TWO: PeerIdentity = {
  id: 'node2:8000',
  name: 'node2:8000#9',
  incarnation: 9,
  publicUrl: null,
  waiting: true,
  firstMembers: [],
  membership: { index: 3, names: ['node1:8000', 'node3:8000#4'] },
};

function hello(credentials: Credentials, changes: object = {}): string {
  const said: unknown = JSON.parse(helloText(credentials, TWO, 'messages', NONCES));
  return JSON.stringify({ ...Object(said), ...changes });
}

function refusalOf(text: string, credentials = OPEN): string | null {
  const checked = readHello(text, credentials, NONCES.acceptor);
  return checked.ok ? null : checked.refusal.code;
}

function welcome(credentials: Credentials, changes: object = {}): string {
  const said: unknown = JSON.parse(welcomeText(credentials, ONE, NONCES));
  return JSON.stringify({ ...Object(said), ...changes });
}

for (const credentials of [OPEN, GUARDED]) {
  const what = credentials.token === null ? 'without a token' : 'with a token';
  test(`two servers of a cluster ${what} learn who the other is`, (t) => {
    const nonce = createNonce();
    t.deepEqual(readChallenge(challengeText(nonce)), { ok: true, value: nonce });
    const checked = readHello(hello(credentials), credentials, NONCES.acceptor);
    t.deepEqual(checked, {
      ok: true,
      value: { identity: TWO, purpose: 'messages', nonce: NONCES.dialler },
    });
    const reply = readReply(welcome(credentials), credentials, NONCES, ONE.id);
    t.deepEqual(reply, { kind: 'welcome', identity: ONE });
  });
}

test('another version is refused, whatever else it says', (t) => {
  t.is(refusalOf(hello(OPEN, { version: PROTOCOL_VERSION + 1 })), 'wrong_version');
  t.is(refusalOf(JSON.stringify({ kind: 'hello', version: 99 })), 'wrong_version');
  t.is(refusalOf(JSON.stringify({ kind: 'hello' })), 'wrong_version');
});

test('another cluster is refused, and the sentence names both and what to do', (t) => {
  const checked = readHello(hello({ ...OPEN, clusterId: 'other' }), OPEN, NONCES.acceptor);
  t.false(checked.ok);
  if (checked.ok) return;
  t.is(checked.refusal.code, 'wrong_cluster');
  t.is(
    checked.refusal.reason,
    'expected cluster "lab", got "other"; set CLUSTER_ID alike on all servers of a cluster',
  );
});

test('tokens that differ are refused, on either side and where only one has any', (t) => {
  const other = { ...GUARDED, token: 'another secret' };
  for (const [theirs, own] of [
    [other, GUARDED],
    [OPEN, GUARDED],
    [GUARDED, OPEN],
  ] as const) {
    t.is(refusalOf(hello(theirs), own), 'wrong_token');
    const reply = readReply(welcome(theirs), own, NONCES, ONE.id);
    t.is(reply.kind === 'unacceptable' ? reply.refusal.code : null, 'wrong_token');
  }
});

test('a proof is good for its nonces, its role and its identity, and for nothing else', (t) => {
  const { proof } = JSON.parse(hello(GUARDED)) as { proof: string };
  const fresh = readHello(hello(GUARDED), GUARDED, 'another nonce');
  t.is(fresh.ok ? null : fresh.refusal.code, 'wrong_token');
  t.is(refusalOf(hello(GUARDED, { nonce: 'another nonce' }), GUARDED), 'wrong_token');
  const claims = [
    { id: 'node3:8000', name: 'node3:8000#9' },
    { name: TWO.id },
    { incarnation: 8, name: 'node2:8000#8' },
    { publicUrl: 'http://elsewhere' },
    { waiting: false },
    { membership: { index: 3, names: [] } },
  ];
  for (const claim of claims) {
    t.is(refusalOf(hello(GUARDED, { identity: { ...TWO, ...claim } }), GUARDED), 'wrong_token');
  }
  // Handed back to who gave it.
  const reflected = readReply(welcome(GUARDED, { identity: TWO, proof }), GUARDED, NONCES, TWO.id);
  t.is(reflected.kind, 'unacceptable');
});

test('an identity that cannot be used is refused', (t) => {
  const wrong: object[] = [
    { id: 'node2' },
    { id: 'node 2:8000' },
    { id: 'node2:8000#9' },
    { id: 8000 },
    { name: 'node3:8000' },
    { name: 'node2:8000#10' },
    { name: null },
    { incarnation: 0 },
    { incarnation: 1.5 },
    { incarnation: 2 ** 53 },
    { incarnation: '9' },
    { incarnation: { toString: 9, toJSON: 9 } },
    { publicUrl: 'javascript:alert(1)' },
    { publicUrl: 'http://host\r\nSet-Cookie: a=b' },
    { publicUrl: `http://${'a'.repeat(3000)}` },
    { publicUrl: undefined },
    { waiting: 'no' },
    { id: `${'n'.repeat(300)}:1`, name: `${'n'.repeat(300)}:1` },
  ];
  for (const change of wrong) {
    const text = hello(OPEN, { identity: { ...TWO, ...change } });
    t.is(refusalOf(text), 'malformed', JSON.stringify(change));
  }
  for (const identity of [null, [], 'node2:8000', undefined]) {
    t.is(refusalOf(hello(OPEN, { identity })), 'malformed');
  }
});

test('what a reply makes of a refusal: the code and the sentence of the other server', (t) => {
  const refusal = { code: 'refused_member', reason: 'its disk is another one' };
  const read = (text: string) => readReply(text, GUARDED, NONCES, ONE.id);
  t.deepEqual(read(refusedText(refusal)), { kind: 'refused', refusal });
  const odd = read(JSON.stringify({ kind: 'refused', code: 'a b', reason: 'x'.repeat(10_000) }));
  t.is(odd.kind, 'refused');
  if (odd.kind !== 'refused') return;
  t.is(odd.refusal.code, 'malformed');
  t.true(odd.refusal.reason.length < 1000);
});

test('a server other than the one that was dialled is refused, and both are named', (t) => {
  const reply = readReply(welcome(OPEN), OPEN, NONCES, 'node3:8000');
  t.is(reply.kind, 'unacceptable');
  if (reply.kind !== 'unacceptable') return;
  t.is(reply.refusal.code, 'wrong_id');
  t.regex(reply.refusal.reason, /node3:8000 answers "node1:8000"/);
});

test('who a refused hello says it is from is told where it can be, and nothing else', (t) => {
  t.is(claimedId(hello(OPEN)), TWO.id);
  for (const text of ['', 'null', '{}', '{"identity":{"id":"a\\nb:1"}}', hello(OPEN).slice(1)]) {
    t.is(claimedId(text), null);
  }
});

test('whatever comes is answered with a refusal, never an exception', (t) => {
  const fields = ['kind', 'version', 'clusterId', 'purpose', 'identity', 'nonce', 'proof'];
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc.tuple(fc.constantFrom(...fields), fc.jsonValue()).map(([field, value]) =>
      // One field of a sound hello is something else.
      hello(GUARDED, { [field]: value }),
    ),
  );
  const holds = (text: string): boolean => {
    const checked = readHello(text, GUARDED, NONCES.acceptor);
    const reply = readReply(text, GUARDED, NONCES, ONE.id);
    const challenge = readChallenge(text);
    return (
      (checked.ok ? text === hello(GUARDED) : checked.refusal.reason.length < 1000) &&
      !challenge.ok &&
      reply.kind !== 'welcome'
    );
  };
  always(t, fc.property(anything, holds), 2000);
});
