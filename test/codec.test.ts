/**
 * Shows that every message comes out of its frame as it went in, and that a frame that was damaged,
 * cut short, lengthened, or written by another version or program is found, never half understood.
 *
 *     npx ava test/codec.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import type {
  AppendEntries,
  Entry,
  InstallSnapshot,
  InstallSnapshotResponse,
  Message,
  SnapshotMeta,
} from '../src/raft/types.ts';
import { decode, encode, FRAME_VERSION, frameBytes } from '../src/transport/codec.ts';
import { always } from './support/property.ts';

/** Strict equality looks at prototypes too: records are to be plain objects. */
const PLAIN = { noNullPrototype: true } as const;

// ---- Messages of every kind ---------------------------------------------------------------------

const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const id = fc.oneof(
  fc.constantFrom('n1', 'n2', 'été', '节点', '🛶', 'a'.repeat(255), ''),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const ids = fc.array(id, { maxLength: 5 });
const configuration = fc.record({ voters: ids, outgoing: ids, learners: ids }, PLAIN);
const envelope = { from: id, to: id, term: integer };

const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ index: integer, term: integer, kind: fc.constant('noop' as const) }, PLAIN),
  fc.record(
    {
      index: integer,
      term: integer,
      kind: fc.constant('command' as const),
      command: fc.uint8Array({ maxLength: 300 }),
    },
    PLAIN,
  ),
  fc.record(
    {
      index: integer,
      term: integer,
      kind: fc.constant('configuration' as const),
      configuration,
    },
    PLAIN,
  ),
);

const snapshot: fc.Arbitrary<SnapshotMeta> = fc.record(
  {
    index: integer,
    term: integer,
    configuration: fc.record({ index: integer, configuration }, PLAIN),
  },
  PLAIN,
);

const installResponse = {
  kind: fc.constant('InstallSnapshotResponse'),
  ...envelope,
  index: integer,
  readRound: integer,
  sentUs: integer,
} as const;

/** A record per kind: a new kind of message does not compile until it is here. */
const messages: { [Kind in Message['kind']]: fc.Arbitrary<Message & { kind: Kind }> } = {
  PreVote: fc.record(
    { kind: fc.constant('PreVote'), ...envelope, lastLogIndex: integer, lastLogTerm: integer },
    PLAIN,
  ),
  PreVoteResponse: fc.record(
    {
      kind: fc.constant('PreVoteResponse'),
      ...envelope,
      requestTerm: integer,
      voteGranted: fc.boolean(),
    },
    PLAIN,
  ),
  RequestVote: fc.record(
    {
      kind: fc.constant('RequestVote'),
      ...envelope,
      lastLogIndex: integer,
      lastLogTerm: integer,
      leadershipTransfer: fc.boolean(),
    },
    PLAIN,
  ),
  RequestVoteResponse: fc.record(
    { kind: fc.constant('RequestVoteResponse'), ...envelope, voteGranted: fc.boolean() },
    PLAIN,
  ),
  AppendEntries: fc.record(
    {
      kind: fc.constant('AppendEntries'),
      ...envelope,
      prevLogIndex: integer,
      prevLogTerm: integer,
      entries: fc.array(entry, { maxLength: 6 }),
      leaderCommit: integer,
      readRound: integer,
      attempt: integer,
      sentUs: integer,
      roundTripUs: integer,
    },
    PLAIN,
  ),
  AppendEntriesResponse: fc.oneof(
    fc.record(
      {
        kind: fc.constant('AppendEntriesResponse'),
        ...envelope,
        readRound: integer,
        attempt: integer,
        sentUs: integer,
        success: fc.constant(true),
        matchIndex: integer,
      },
      PLAIN,
    ),
    fc.record(
      {
        kind: fc.constant('AppendEntriesResponse'),
        ...envelope,
        readRound: integer,
        attempt: integer,
        sentUs: integer,
        success: fc.constant(false),
        prevLogIndex: integer,
        hintIndex: integer,
        hintTerm: integer,
      },
      PLAIN,
    ),
  ),
  InstallSnapshot: fc.record(
    {
      kind: fc.constant('InstallSnapshot'),
      ...envelope,
      snapshot,
      offset: integer,
      data: fc.uint8Array({ maxLength: 300 }),
      done: fc.boolean(),
      readRound: integer,
      sentUs: integer,
    },
    PLAIN,
  ),
  InstallSnapshotResponse: fc.oneof(
    fc.record(
      { ...installResponse, status: fc.constantFrom('installed' as const, 'received' as const) },
      PLAIN,
    ),
    fc.record({ ...installResponse, status: fc.constant('receiving'), offset: integer }, PLAIN),
  ),
  TimeoutNow: fc.record({ kind: fc.constant('TimeoutNow'), ...envelope }, PLAIN),
  ReadIndex: fc.record(
    { kind: fc.constant('ReadIndex'), ...envelope, nonce: integer, readId: integer },
    PLAIN,
  ),
  ReadIndexResponse: fc.record(
    {
      kind: fc.constant('ReadIndexResponse'),
      ...envelope,
      nonce: integer,
      readId: integer,
      index: fc.option(integer),
    },
    PLAIN,
  ),
};
const message: fc.Arbitrary<Message> = fc.oneof(...Object.values(messages));

/** A message of each kind. */
const SMALL: readonly Message[] = Object.values(messages).flatMap((arbitrary) =>
  fc.sample(arbitrary as fc.Arbitrary<Message>, { seed: 1, numRuns: 1 }),
);
const APPEND: AppendEntries = {
  kind: 'AppendEntries',
  from: 'n1',
  to: 'n2',
  term: 3,
  prevLogIndex: 4,
  prevLogTerm: 2,
  entries: [
    { index: 5, term: 2, kind: 'noop' },
    { index: 6, term: 3, kind: 'command', command: Uint8Array.of(1, 2, 3) },
    {
      index: 7,
      term: 3,
      kind: 'configuration',
      configuration: { voters: ['n1', 'n2'], outgoing: ['n1'], learners: ['n3'] },
    },
  ],
  leaderCommit: 4,
  readRound: 9,
  attempt: 3,
  sentUs: 1_000_000,
  roundTripUs: 700,
};
const INSTALL: InstallSnapshot = {
  kind: 'InstallSnapshot',
  from: 'n1',
  to: 'n2',
  term: 3,
  snapshot: {
    index: 10,
    term: 2,
    configuration: {
      index: 7,
      configuration: { voters: ['n1', 'n2'], outgoing: [], learners: [] },
    },
  },
  offset: 200,
  data: Uint8Array.of(4, 5, 6),
  done: true,
  readRound: 9,
  sentUs: 1_000_000,
};
const RECEIVED: InstallSnapshotResponse = {
  kind: 'InstallSnapshotResponse',
  from: 'n2',
  to: 'n1',
  term: 3,
  index: 10,
  readRound: 9,
  sentUs: 1_000_000,
  status: 'received',
};

/** The frame inside a larger buffer: a reader must heed where its view begins. */
function within(frame: Uint8Array): Uint8Array {
  const larger = new Uint8Array(frame.byteLength + 20).fill(0xee);
  larger.set(frame, 11);
  return larger.subarray(11, 11 + frame.byteLength);
}

/** A frame with the right checksum, whatever its content. */
function resealed(frame: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  new DataView(frame.buffer).setUint32(0, crc32(frame.subarray(4)), true);
  return frame;
}

/** The message's frame with other bytes at one place, and the checksum that goes with them. */
function patchedFrame(sent: Message, at: number, bytes: readonly number[]): Uint8Array {
  const frame = encode(sent, 1, crc32);
  frame.set(bytes, at);
  return resealed(frame);
}

for (const [kind, arbitrary] of Object.entries(messages)) {
  test(`${kind} comes out as it went in`, (t) => {
    always(
      t,
      fc.property(arbitrary as fc.Arbitrary<Message>, integer, (sent, sequence) => {
        const frame = decode(within(encode(sent, sequence, crc32)), crc32);
        return isDeepStrictEqual(frame, { sequence, message: sent });
      }),
      300,
    );
  });
}

test('a frame fills its buffer, or a port would send more than the frame', (t) => {
  always(
    t,
    fc.property(message, (sent) => {
      const frame = encode(sent, 1, crc32);
      return frame.byteOffset === 0 && frame.buffer.byteLength === frame.byteLength;
    }),
  );
});

test('commands are views of the frame, entries are frozen', (t) => {
  const frame = encode(APPEND, 1, crc32);
  const decoded = decode(frame, crc32)?.message as AppendEntries;
  t.true(decoded.entries.every((one) => Object.isFrozen(one)));
  const second = decoded.entries[1];
  t.true(second?.kind === 'command' && second.command.buffer === frame.buffer);
});

test('the data of a snapshot is a view of the frame, and may be none', (t) => {
  const frame = encode(INSTALL, 1, crc32);
  const decoded = decode(frame, crc32)?.message as InstallSnapshot;
  t.is(decoded.data.buffer, frame.buffer);
  const asks = { ...INSTALL, offset: 0, data: new Uint8Array(0), done: false };
  t.deepEqual(decode(encode(asks, 2, crc32), crc32)?.message, asks);
});

test('the size of a frame is known without making it', (t) => {
  always(
    t,
    fc.property(message, (sent) => frameBytes(sent) === encode(sent, 1, crc32).byteLength),
  );
});

test('any single flipped bit is found', (t) => {
  always(
    t,
    fc.property(message, fc.nat(), (sent, draw) => {
      const frame = encode(sent, 1, crc32);
      const bit = draw % (frame.byteLength * 8);
      frame[bit >>> 3] = (frame[bit >>> 3] as number) ^ (1 << (bit & 7));
      return decode(frame, crc32) === null;
    }),
    2000,
  );
  for (const sent of [...SMALL, APPEND, INSTALL]) {
    const frame = encode(sent, 1, crc32);
    for (let bit = 0; bit < frame.byteLength * 8; bit++) {
      const damaged = frame.slice();
      damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
      if (decode(damaged, crc32) !== null) t.fail(`bit ${bit} of ${sent.kind}`);
    }
  }
});

test('a frame cut short or lengthened is none, even with the right checksum', (t) => {
  for (const sent of [...SMALL, APPEND, INSTALL]) {
    const frame = encode(sent, 1, crc32);
    for (let length = 0; length < frame.byteLength; length++) {
      t.is(decode(frame.subarray(0, length), crc32), null, `${length} bytes of ${sent.kind}`);
      if (length < 4) continue;
      t.is(decode(resealed(frame.slice(0, length)), crc32), null, `${length} of ${sent.kind}`);
    }
    const longer = new Uint8Array(frame.byteLength + 1);
    longer.set(frame);
    t.is(decode(longer, crc32), null);
    t.is(decode(resealed(longer), crc32), null, `${sent.kind} and a byte`);
  }
});

test('frames of another version or another program are none', (t) => {
  const patched = (at: number, ...bytes: number[]): Uint8Array => patchedFrame(APPEND, at, bytes);
  t.not(decode(patched(4, FRAME_VERSION), crc32), null, 'the patch alone does no harm');
  t.is(decode(patched(4, FRAME_VERSION + 1), crc32), null, 'version');
  t.is(decode(patched(4, 0), crc32), null, 'version');
  t.is(decode(patched(4, 1), crc32), null, 'the version before');
  t.is(decode(patched(5, Object.keys(messages).length), crc32), null, 'kind of message');
  t.is(decode(patched(23, 0xff, 0xff), crc32), null, 'ids that are not UTF-8');
  t.is(decode(patched(22, 200), crc32), null, 'an id longer than the frame');
  // checksum 4, version and kind 2, sequence and term 16, ids 6, fields 60; then index and term.
  const firstEntryKind = 4 + 2 + 16 + 6 + 60 + 16;
  t.not(decode(patched(firstEntryKind, 0), crc32), null, 'the kind of the first entry is noop');
  t.is(decode(patched(firstEntryKind, 3), crc32), null, 'kind of entry');
});

test('a configuration that is none makes the frame none, in an entry and in a snapshot', (t) => {
  for (const sent of [APPEND, INSTALL]) {
    const frame = encode(sent, 1, crc32);
    const json = Buffer.from(frame).indexOf('{"');
    const at = (part: string): number => Buffer.from(frame).indexOf(part, json);
    const broken: readonly (readonly [name: string, at: number, text: string])[] = [
      ['not JSON', json, 'x'],
      ['not UTF-8', at('voters'), '\xff'],
      ['another field', at('voters'), 'v0ters'],
      ['an id that is a number', at('"n1"'), ' 11 '],
      ['ids that are no list', at('["n1'), '{"n1":1}'],
    ];
    for (const [name, place, text] of broken) {
      const bytes = [...text].map((character) => character.charCodeAt(0));
      t.is(decode(patchedFrame(sent, place, bytes), crc32), null, `${sent.kind}: ${name}`);
    }
  }
});

test('a status of a snapshot that nobody knows makes the frame none', (t) => {
  // checksum 4, version and kind 2, sequence and term 16, ids 6; index, round and time.
  const status = 4 + 2 + 16 + 6 + 24;
  const read = (code: number) => decode(patchedFrame(RECEIVED, status, [code]), crc32)?.message;
  t.deepEqual(read(0), { ...RECEIVED, status: 'installed' });
  t.deepEqual(read(1), RECEIVED);
  t.deepEqual(read(2), { ...RECEIVED, status: 'receiving', offset: 0 });
  t.is(read(3), undefined);
});

test('bytes at random are no frame, and never throw', (t) => {
  always(
    t,
    fc.property(fc.uint8Array({ maxLength: 200 }), (content) => decode(content, crc32) === null),
    1000,
  );
  always(
    t,
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 200 }), (content) => {
      const bytes = new Uint8Array(content);
      bytes[4] = FRAME_VERSION;
      bytes[5] = (bytes[5] as number) % Object.keys(messages).length;
      // Right checksum and version: whatever comes out, nothing is thrown.
      decode(resealed(bytes), crc32);
    }),
    2000,
  );
});

test('an id longer than its length byte can say is refused', (t) => {
  const from = 'é'.repeat(128);
  t.throws(() => encode({ ...APPEND, from }, 1, crc32), { instanceOf: RangeError, message: /256/ });
});
