/**
 * Shows that requests that are handed to the leader, and its answers, come out of their frames as
 * they went in; that nothing else is let in by one, whoever sends it; and that a request is handed
 * on once and answered once, with what may have become of it.
 *
 *     npx ava test/forward-frame.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  COMMAND_KINDS,
  encodeClientId,
  FIRST_REGISTERED_CLIENT,
  type Operation,
  STATUSES,
} from '../src/command.ts';
import { Forwarding, replyOf } from '../src/forwarding.ts';
import type { Reply } from '../src/http/service.ts';
import { decode } from '../src/transport/codec.ts';
import {
  decodeForward,
  encodeForward,
  FORWARD_MODES,
  type ForwardedRequest,
  type ForwardFrame,
  isForwardFrame,
} from '../src/transport/forward-frame.ts';
import { BUFFERED_BYTES_MAX } from '../src/transport/ws-link.ts';
import { always } from './support/property.ts';
import { FrozenServer, server, until } from './support/ws-rig.ts';

const MIB = 2 ** 20;
const KEY = new TextEncoder().encode('key');
const VALUE = new TextEncoder().encode('"value"');
const GET: Operation = { kind: 'get', key: KEY, value: null, expected: null };
const PUT: Operation = { kind: 'put', key: KEY, value: VALUE, expected: null };
const READ: ForwardedRequest = { mode: 'linearizable', operation: GET, identity: null };
const WRITE: ForwardedRequest = { mode: 'write', operation: PUT, identity: null };

// ---- Frames -------------------------------------------------------------------------------------

const bytes = fc.uint8Array({ maxLength: 60 });
const optional = fc.option(bytes);
const count = fc.maxSafeNat();
const stored = ['put', 'create', 'update'] as const;
/** Strict equality looks at prototypes too: records are to be plain objects. */
const PLAIN = { noNullPrototype: true } as const;
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .record({ kind: fc.constantFrom(...stored), key: bytes, value: bytes }, PLAIN)
    .map(noneExpected),
  fc
    .record({ kind: fc.constantFrom('get', 'delete', 'register'), key: bytes }, PLAIN)
    .map((some) => noneExpected({ ...some, value: null })),
  fc.record({ kind: fc.constant('cas'), key: bytes, value: optional, expected: optional }, PLAIN),
);
const identity = fc
  .tuple(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.nat(), fc.nat())
  .map(([clientId, a, b]) => {
    return { clientId, requestNumber: Math.max(a, b) + 1, lowestPending: Math.min(a, b) + 1 };
  });
const request: fc.Arbitrary<ForwardedRequest> = fc.oneof(
  fc.record({ mode: fc.constant('write'), operation, identity: fc.option(identity) }, PLAIN),
  fc.record(
    {
      mode: fc.constantFrom('linearizable', 'lease'),
      operation: bytes.map((key): Operation => ({ ...GET, key })),
      identity: fc.constant(null),
    },
    PLAIN,
  ),
);
const statuses = [...STATUSES, 'noQuorum', 'storageFull'] as const;
const answer: fc.Arbitrary<Reply> = fc.record(
  {
    status: fc.constantFrom(...statuses),
    value: optional,
    index: count,
    term: count,
  },
  PLAIN,
);
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const frame: fc.Arbitrary<ForwardFrame> = fc.oneof(
  fc.record({ kind: fc.constant('request'), id, request }, PLAIN),
  fc.record({ kind: fc.constant('answer'), id, answer }, PLAIN),
) as fc.Arbitrary<ForwardFrame>;

function noneExpected(some: Omit<Operation, 'expected'>): Operation {
  return { ...some, expected: null };
}

/** As a frame whose sender knows how: with the right checksum. */
function sealed(content: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  new DataView(content.buffer).setUint32(0, crc32(content.subarray(4)), true);
  return content;
}

test('what goes into a frame comes out of it, and is no message of Raft', (t) => {
  always(
    t,
    fc.property(frame, (said) => {
      const encoded = encodeForward(said, crc32);
      if (!isForwardFrame(encoded) || decode(encoded, crc32) !== null) return false;
      return isDeepStrictEqual(decodeForward(encoded, crc32), said);
    }),
  );
});

test('a frame that was damaged, cut short or lengthened is none', (t) => {
  always(
    t,
    fc.property(frame, fc.nat(), fc.nat(7), (said, at, bit) => {
      const encoded = encodeForward(said, crc32);
      const flipped = encoded.slice();
      flipped[at % flipped.length] = (flipped[at % flipped.length] ?? 0) ^ (1 << bit);
      const cut = encoded.slice(0, at % encoded.length);
      const longer = new Uint8Array(encoded.length + 1);
      longer.set(encoded);
      return [flipped, cut, longer, sealed(longer)].every(
        (wrong) => decodeForward(wrong, crc32) === null,
      );
    }),
  );
});

test('whatever a frame with the right checksum says, nothing out of range is let in', (t) => {
  let letIn = 0;
  always(
    t,
    fc.property(
      frame,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 }),
      (said, changes) => {
        const forged = encodeForward(said, crc32);
        // Behind the version: what is not of this layout is another test's.
        for (const [at, byte] of changes) forged[5 + (at % (forged.length - 5))] = byte;
        const decoded = decodeForward(sealed(forged), crc32);
        if (decoded === null) return true;
        letIn++;
        return isInRange(decoded);
      },
    ),
  );
  t.true(letIn > 0);
});

function isInRange(decoded: ForwardFrame): boolean {
  const counts = (...numbers: number[]): boolean =>
    numbers.every((each) => Number.isSafeInteger(each) && each >= 0);
  if (!counts(decoded.id) || decoded.id === 0) return false;
  if (decoded.kind === 'answer') {
    const { status, index, term } = decoded.answer;
    return statuses.includes(status) && counts(index, term);
  }
  const { mode, operation: asked, identity: who } = decoded.request;
  if (!FORWARD_MODES.includes(mode) || !COMMAND_KINDS.includes(asked.kind)) return false;
  if (mode !== 'write' && asked.kind !== 'get') return false;
  if (asked.kind !== 'cas' && asked.expected !== null) return false;
  if (who === null) return true;
  const { clientId, requestNumber, lowestPending } = who;
  return (
    counts(clientId, requestNumber, lowestPending) &&
    clientId > 0 &&
    lowestPending > 0 &&
    lowestPending <= requestNumber
  );
}

// ---- Servers ------------------------------------------------------------------------------------

type Sent = { readonly to: string; readonly frame: Uint8Array<ArrayBuffer> };

/** One server's forwarding; what it sends is carried by the test, or lost. */
class Side {
  readonly sent: Sent[] = [];
  readonly asked: ForwardedRequest[] = [];
  reaches = true;
  /** For one frame. */
  roomBytes = Number.MAX_SAFE_INTEGER;
  reply: Reply = { status: 'ok', value: null, index: 7, term: 3 };
  readonly forwarding: Forwarding;

  constructor(t: ExecutionContext, timeoutMs = 30_000) {
    this.forwarding = new Forwarding({
      send: (to, each) => {
        const goes = this.reaches && each.byteLength <= this.roomBytes;
        if (goes) this.sent.push({ to, frame: each });
        return goes;
      },
      serve: async (asked) => {
        this.asked.push(asked);
        return this.reply;
      },
      timeoutMs,
      log: { error: (_about, message) => t.fail(message) },
    });
    t.teardown(() => this.forwarding.stop());
  }

  /** What it has sent, once there is something. */
  async next(): Promise<Uint8Array<ArrayBuffer>> {
    await until('sent', () => this.sent.length > 0);
    return this.sent.shift()?.frame as Uint8Array<ArrayBuffer>;
  }
}

test('the leader is asked, and its answer is the answer', async (t) => {
  const [follower, leader] = [new Side(t), new Side(t)];
  const identityOf = { clientId: 5, requestNumber: 9, lowestPending: 2 };
  const answered = follower.forwarding.ask('leader:1', { ...WRITE, identity: identityOf });
  t.is(follower.sent[0]?.to, 'leader:1');
  t.true(leader.forwarding.take('follower:1', await follower.next()));
  const back = await leader.next();
  t.deepEqual(leader.asked, [{ ...WRITE, identity: identityOf }]);
  t.true(follower.forwarding.take('leader:1', back));
  t.deepEqual(await answered, leader.reply);
  // A second answer is to nobody.
  t.true(follower.forwarding.take('leader:1', back));
});

test('who does not lead refuses what is handed to it, and hands nothing on', async (t) => {
  const [follower, other] = [new Side(t), new Side(t)];
  other.reply = replyOf('notLeader');
  const answered = follower.forwarding.ask('other:1', WRITE);
  other.forwarding.take('follower:1', await follower.next());
  const back = await other.next();
  t.is(decodeForward(back, crc32)?.kind, 'answer');
  t.deepEqual(other.sent, []);
  follower.forwarding.take('other:1', back);
  t.is((await answered).status, 'notLeader');
});

test('what was surely not sent is definite, what was lost on its way is not', async (t) => {
  const side = new Side(t, 50);
  side.reaches = false;
  t.is((await side.forwarding.ask('leader:1', WRITE)).status, 'notLeader');
  side.reaches = true;
  const lost = side.forwarding.ask('leader:1', WRITE);
  side.forwarding.lost('another:1');
  side.forwarding.lost('leader:1');
  t.is((await lost).status, 'outcomeUnknown');
  t.is((await side.forwarding.ask('leader:1', WRITE)).status, 'noQuorum');
  const stopped = side.forwarding.ask('leader:1', WRITE);
  side.forwarding.stop();
  t.is((await stopped).status, 'outcomeUnknown');
  t.like(side.forwarding.gauges(), {
    requests_forwarded_total: 3,
    requests_forwarded_unanswered_total: 3,
  });
});

test('an answer counts from who was asked, in this life, and if it can be one', async (t) => {
  const [side, before] = [new Side(t), new Side(t)];
  const register: Operation = { ...GET, kind: 'register', key: new Uint8Array(0) };
  const asked = side.forwarding.ask('leader:1', { ...WRITE, operation: register });
  const { id: sentId = 0 } = decodeForward(await side.next(), crc32) ?? {};
  const value = encodeClientId(FIRST_REGISTERED_CLIENT);
  const good: Reply = { status: 'ok', value, index: 1, term: 1 };
  const answerOf = (reply: Reply, to = sentId): Uint8Array<ArrayBuffer> =>
    encodeForward({ kind: 'answer', id: to, answer: reply }, crc32);
  t.true(side.forwarding.take('another:1', answerOf(replyOf('notLeader'))));
  t.true(side.forwarding.take('leader:1', answerOf(replyOf('notLeader'), sentId + 1)));
  for (const wrong of [null, VALUE, encodeClientId(2.5), encodeClientId(Number.NaN)]) {
    t.false(side.forwarding.take('leader:1', answerOf({ ...good, value: wrong })));
  }
  void before.forwarding.ask('leader:1', WRITE);
  t.not(decodeForward(await before.next(), crc32)?.id, sentId);
  t.true(side.forwarding.take('leader:1', answerOf(good)));
  t.deepEqual(await asked, good);
});

test('nothing is served that the HTTP interface would not let through', (t) => {
  const side = new Side(t);
  const large = new Uint8Array(2 ** 20 + 1).fill(0x31);
  const wrong: Operation[] = [
    { ...PUT, key: new Uint8Array(0) },
    { ...PUT, key: new Uint8Array(1025).fill(0x61) },
    { ...PUT, key: new Uint8Array([0xff]) },
    { ...PUT, value: new Uint8Array(0) },
    { ...PUT, value: large },
    { ...PUT, value: new Uint8Array([0x22, 0xff, 0x22]) },
    { ...PUT, kind: 'cas', expected: large },
    { ...GET, kind: 'register' },
  ];
  for (const each of wrong) {
    const bad = { kind: 'request', id: 1, request: { ...WRITE, operation: each } } as const;
    t.false(side.forwarding.take('follower:1', encodeForward(bad, crc32)), each.kind);
  }
  t.deepEqual(side.asked, []);
});

test('where there is no room for an answer there may be room for less', async (t) => {
  for (const [asked, status] of [
    [WRITE, 'outcomeUnknown'],
    [READ, 'overloaded'],
  ] as const) {
    const [follower, leader] = [new Side(t), new Side(t)];
    leader.roomBytes = 100;
    leader.reply = { status: 'ok', value: new Uint8Array(100).fill(0x31), index: 1, term: 1 };
    const answered = follower.forwarding.ask('leader:1', asked);
    leader.forwarding.take('follower:1', await follower.next());
    follower.forwarding.take('leader:1', await leader.next());
    t.is((await answered).status, status);
  }
});

// ---- Sockets ------------------------------------------------------------------------------------

const ASKED = encodeForward({ kind: 'request', id: 1, request: READ }, crc32);

test('frames pass beside messages, what is none is counted, and an end is told', async (t) => {
  const taken: unknown[] = [];
  const lost: string[] = [];
  const there = await server(t, {
    takeForwarded: (from, each) => {
      const decoded = decodeForward(each, crc32);
      if (decoded !== null) taken.push([from, decoded]);
      return decoded !== null;
    },
    onLost: (address) => lost.push(address),
  });
  const here = await server(t);
  t.false(here.peers.forward(there.id, ASKED));
  here.peers.follow([there.id]);
  await until('connected', () => here.isConnectedTo(there));
  t.true(here.peers.forward(there.id, ASKED));
  here.send(there, 6);
  await until('arrived', () => there.terms.includes(6));
  t.deepEqual(taken, [], 'of a stranger');
  there.peers.follow([here.id]);
  const damaged = ASKED.slice();
  damaged[ASKED.length - 1] = 0;
  // Of no mode that there is, behind a checksum that holds.
  const forged = ASKED.slice();
  forged[14] = 9;
  for (const each of [damaged, sealed(forged), ASKED]) {
    t.true(here.peers.forward(there.id, each));
  }
  here.send(there, 7);
  await until('arrived', () => there.terms.includes(7));
  t.deepEqual(taken, [[here.id, { kind: 'request', id: 1, request: READ }]]);
  t.is(there.peers.damaged, 1);
  t.is(there.peers.flaws.get('form'), 1);
  await here.stop();
  await until('told', () => lost.includes(here.id));
  t.false(here.peers.forward(there.id, ASKED));
});

test('what is handed on to a peer that does not read leaves room for messages', async (t) => {
  const here = await server(t);
  const frozen = await FrozenServer.start(t);
  here.peers.follow([frozen.id]);
  await until('connected', () => here.isConnectedTo(frozen.id));
  const value = new Uint8Array(MIB).fill(0x31);
  const large: ForwardedRequest = { ...WRITE, operation: { ...PUT, value } };
  const each = encodeForward({ kind: 'request', id: 1, request: large }, crc32);
  const sent = Array.from({ length: 40 }, () => here.peers.forward(frozen.id, each));
  t.true(sent.includes(false));
  t.true((here.statsOf(frozen.id)?.bufferedBytes ?? 0) <= BUFFERED_BYTES_MAX / 2);
  const { messagesDropped } = here.statsOf(frozen.id) ?? {};
  for (let i = 0; i < 7; i++) here.sendLarge(frozen.id, MIB);
  t.is(here.statsOf(frozen.id)?.messagesDropped, messagesDropped);
});
