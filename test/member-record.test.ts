/**
 * Shows whom a server takes for whom: first members by the incarnation that was met first, those
 * who joined by their name, and nobody who has lost its disk (§3.8).
 *
 *     npx ava test/member-record.test.ts
 */
import test from 'ava';
import {
  drawIncarnation,
  firstMember,
  isRemovedBy,
  type Judgement,
  judgePeer,
  type KnownMembers,
  remembered,
  waitingMember,
} from '../src/member-record.ts';
import type { PlacedConfiguration } from '../src/raft/types.ts';
import type { PeerIdentity } from '../src/transport/handshake.ts';

const CLUSTER = 'raft-lab';
const N1 = firstMember(CLUSTER, 'n1:80', ['n2:80', 'n3:80'], 11);

const FIRST = N1.configuration.voters;

function peer(id: string, incarnation: number, name = id, firstMembers = FIRST): PeerIdentity {
  return { id, name, incarnation, publicUrl: null, waiting: false, firstMembers };
}

/** With its code: it says what the peer makes of it. */
function reasonOf(judgement: Judgement): string {
  if (judgement.kind !== 'refused') return judgement.kind;
  const { code, reason } = judgement.refusal;
  return `${code}: ${reason}`;
}

test('first members have the same configuration, in whatever order their peers are named', (t) => {
  const other = firstMember(CLUSTER, 'n3:80', ['n2:80', 'n1:80', 'n2:80'], 33);
  t.deepEqual(N1.configuration, {
    voters: ['n1:80', 'n2:80', 'n3:80'],
    outgoing: [],
    learners: [],
  });
  t.deepEqual(other.configuration, N1.configuration);
  t.is(N1.name, 'n1:80');
});

test('who waits to be joined belongs to nothing, under a name no one had', (t) => {
  const { name, configuration } = waitingMember(CLUSTER, 'n4:80', 44);
  t.is(name, 'n4:80#44');
  t.deepEqual(configuration.voters, []);
});

test('an incarnation drawn is never the first one, which goes by the plain address', (t) => {
  t.is(
    drawIncarnation(() => 0),
    2,
  );
  t.is(
    drawIncarnation(() => 1),
    2,
  );
  t.is(
    drawIncarnation(() => 77),
    77,
  );
});

test('a first member is new once, and then the one that was met', (t) => {
  t.deepEqual(judgePeer(N1, {}, peer('n2:80', 22)), { kind: 'new' });
  t.deepEqual(judgePeer(N1, { 'n2:80': 22 }, peer('n2:80', 22)), { kind: 'accepted' });
});

test('a first member on another disk is refused, and told what to do', (t) => {
  const reason = reasonOf(judgePeer(N1, { 'n2:80': 22 }, peer('n2:80', 23)));
  t.regex(reason, /^refused_member: n2:80 was incarnation 22 and came back as 23/);
  t.regex(reason, /must leave and join again/);
});

test('first members that were told of others are refused, and told what to do', (t) => {
  const outsider = peer('n9:80', 9, 'n9:80', ['n1:80', 'n2:80', 'n3:80', 'n9:80']);
  t.regex(reasonOf(judgePeer(N1, {}, outsider)), /wrong_members: .*n9:80.*JOIN=true/);
  const apart = peer('n2:80', 22, 'n2:80', ['n1:80', 'n2:80']);
  t.regex(reasonOf(judgePeer(N1, {}, apart)), /wrong_members: n2:80 began with n1:80, n2:80,/);
  t.regex(reasonOf(judgePeer(N1, {}, peer('n2:80', 22, 'n2:80', []))), /began with nobody/);
});

test('one who joined goes by its name, beside what its address was known as before', (t) => {
  const known = { 'n2:80': 22 };
  t.deepEqual(judgePeer(N1, known, peer('n2:80', 23, 'n2:80#23')), { kind: 'new' });
  const met = { ...known, 'n2:80#23': 23 };
  t.deepEqual(judgePeer(N1, met, peer('n2:80', 23, 'n2:80#23')), { kind: 'accepted' });
  t.regex(reasonOf(judgePeer(N1, met, peer('n2:80', 24, 'n2:80#23'))), /^wrong_name/);
});

test('one who joined takes first members for whoever it meets first', (t) => {
  const joined = waitingMember(CLUSTER, 'n4:80', 44);
  t.is(judgePeer(joined, {}, peer('n1:80', 11)).kind, 'new');
  t.is(judgePeer(joined, { 'n1:80': 11 }, peer('n1:80', 12)).kind, 'refused');
});

test('a server was removed by what came after all that it knows, and by nothing else', (t) => {
  const at = (index: number, ...voters: string[]): PlacedConfiguration => ({
    index,
    configuration: { voters, outgoing: [], learners: [] },
  });
  const own = [at(0, 'n1:80', 'n2:80'), at(7, 'n1:80', 'n2:80', 'n3:80#5')];
  const told = (index: number, ...names: string[]) => ({ index, names });
  t.true(isRemovedBy(told(9, 'n2:80', 'n3:80#5'), 'n1:80', own));
  // Who says it knows less than the server itself: it was joined since.
  t.false(isRemovedBy(told(0, 'n1:80', 'n2:80'), 'n3:80#5', own));
  t.false(isRemovedBy(told(7, 'n1:80', 'n2:80'), 'n3:80#5', own));
  t.false(isRemovedBy(told(9, 'n1:80', 'n2:80'), 'n1:80', own));
  // Who waits to be joined knows nobody, and an earlier release says nothing.
  t.false(isRemovedBy(told(0), 'n1:80', own));
  t.false(isRemovedBy(undefined, 'n1:80', own));
  // It has the entry that removes it, and another one says that it is committed.
  t.true(isRemovedBy(told(9, 'n2:80'), 'n1:80', [...own, at(9, 'n2:80')]));
});

test('names made up by strangers are forgotten again, those of first members never', (t) => {
  let known: KnownMembers = { 'n2:80': 22 };
  for (let incarnation = 2; incarnation < 1000; incarnation++) {
    known = remembered(known, peer('x:1', incarnation, `x:1#${incarnation}`, []));
  }
  t.true(Object.keys(known).length <= 257);
  t.is(known['n2:80'], 22);
  t.is(known['x:1#999'], 999);
});

test('nobody else has the own address, whatever the incarnation', (t) => {
  t.regex(reasonOf(judgePeer(N1, {}, peer('n1:80', 12))), /^wrong_name: .*own address/);
  t.regex(reasonOf(judgePeer(N1, {}, peer('n1:80', 12, 'n1:80#12'))), /^wrong_name: /);
});
