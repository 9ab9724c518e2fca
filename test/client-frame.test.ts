/**
 * Shows that requests and responses between clients and nodes come out of their frames as they went
 * in, and that a frame that was damaged, cut short or lengthened is found.
 *
 *     npx ava test/client-frame.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { COMMAND_KINDS, type CommandKind } from '../src/command.ts';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  READ_MODES,
  type ReadFrameMode,
  type Request,
  type Response,
} from '../src/transport/client-frame.ts';
import { always } from './support/property.ts';
import { batchOf, by, type Command, encodeResults, operation } from './support/records.ts';

/** Strict equality looks at prototypes too: records are to be plain objects. */
const PLAIN = { noNullPrototype: true } as const;

const content = fc.uint8Array({ maxLength: 400 });
const bytes = fc.option(fc.uint8Array({ maxLength: 40 }));
const asked = (...kinds: CommandKind[]): fc.Arbitrary<Command[]> =>
  fc.array(
    fc.tuple(
      fc.record({
        kind: fc.constantFrom(...kinds),
        key: fc.uint8Array({ maxLength: 20 }),
        value: bytes,
        expected: bytes,
      }),
      fc.tuple(fc.nat(), fc.nat()).map(([client, number]) => by(client, number)),
    ),
    { maxLength: 8 },
  );
const request: fc.Arbitrary<Request> = fc.oneof(
  // A write may hold reads, which go through the log then (§6.4), and registrations (§6.3).
  asked(...COMMAND_KINDS).map(writeOf),
  fc
    .tuple(fc.constantFrom(...READ_MODES), asked('get'))
    .map(([mode, commands]) => readOf(mode, commands)),
);

function writeOf(commands: Command[]): Request {
  return { kind: 'write', count: commands.length, batch: batchOf(commands) };
}

function readOf(mode: ReadFrameMode, commands: Command[]): Request {
  return { kind: 'read', mode, count: commands.length, batch: batchOf(commands) };
}

const response: fc.Arbitrary<Response> = fc.record(
  {
    leaderId: fc.option(
      fc.oneof(
        fc.constantFrom('n1', '节点', '🛶', 'a'.repeat(255)),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      ),
    ),
    results: content,
  },
  PLAIN,
);

/** The frame inside a larger buffer: a reader must heed where its view begins. */
function within(frame: Uint8Array): Uint8Array {
  const larger = new Uint8Array(frame.byteLength + 20).fill(0xee);
  larger.set(frame, 11);
  return larger.subarray(11, 11 + frame.byteLength);
}

/** A request and a response as they are on the way, and what reads them. */
const FRAMES = [
  [
    'request',
    encodeRequest(
      { kind: 'write', count: 1, batch: batchOf([[operation('put', 'k', 'v'), by(1, 1)]]) },
      crc32,
    ),
    decodeRequest,
  ],
  [
    'response',
    encodeResponse(
      {
        leaderId: 'n2',
        results: encodeResults([
          { clientId: 1, requestNumber: 1, status: 'ok', value: null, index: 3 },
        ]),
      },
      crc32,
    ),
    decodeResponse,
  ],
] as const;

test('requests come out as they went in', (t) => {
  always(
    t,
    fc.property(request, (asked) =>
      isDeepStrictEqual(decodeRequest(within(encodeRequest(asked, crc32)), crc32), asked),
    ),
    500,
  );
});

test('a sound frame whose operations are not what its head says is refused', (t) => {
  const put = batchOf([[operation('put', 'k', 'v'), by(1, 1)]]);
  const refused: [name: string, request: Request][] = [
    ['another count', { kind: 'write', count: 2, batch: put }],
    ...READ_MODES.map((mode): [string, Request] => [
      `a write among ${mode} reads`,
      readOf(mode, [
        [operation('get', 'k'), by(1, 1)],
        [operation('put', 'k', 'v'), by(1, 2)],
      ]),
    ]),
    ['cut short', { kind: 'write', count: 1, batch: put.subarray(0, -1) }],
    ['not operations', { kind: 'write', count: 1, batch: new Uint8Array(64).fill(0xff) }],
  ];
  for (const [name, asked] of refused) {
    t.is(decodeRequest(encodeRequest(asked, crc32), crc32), null, name);
  }
});

test('a read says how it is to be made, and a mode that nobody knows is refused', (t) => {
  const get: Command = [operation('get', 'k'), by(1, 1)];
  const codes = READ_MODES.map((mode) => encodeRequest(readOf(mode, [get]), crc32)[4] ?? 0);
  t.is(new Set(codes).size, READ_MODES.length);
  const frame = encodeRequest(readOf('stale', [get]), crc32);
  frame[4] = Math.max(...codes) + 1;
  new DataView(frame.buffer).setUint32(0, crc32(frame.subarray(4)), true);
  t.is(decodeRequest(frame, crc32), null);
});

test('responses come out as they went in, with and without a leader', (t) => {
  always(
    t,
    fc.property(response, (told) =>
      isDeepStrictEqual(decodeResponse(within(encodeResponse(told, crc32)), crc32), told),
    ),
    500,
  );
});

test('a frame fills its buffer, or a port would send more than the frame', (t) => {
  for (const [name, frame] of FRAMES) {
    t.deepEqual([frame.byteOffset, frame.buffer.byteLength], [0, frame.byteLength], name);
  }
});

test('any single flipped bit is found', (t) => {
  for (const [name, frame, decode] of FRAMES) {
    for (let bit = 0; bit < frame.byteLength * 8; bit++) {
      const damaged = frame.slice();
      damaged[bit >>> 3] = (damaged[bit >>> 3] as number) ^ (1 << (bit & 7));
      if (decode(damaged, crc32) !== null) t.fail(`bit ${bit} of the ${name}`);
    }
    t.not(decode(frame, crc32), null, name);
  }
});

test('a frame cut short or lengthened is none', (t) => {
  for (const [name, frame, decode] of FRAMES) {
    for (let length = 0; length < frame.byteLength; length++) {
      t.is(decode(frame.subarray(0, length), crc32), null, `${length} bytes of the ${name}`);
    }
    const longer = new Uint8Array(frame.byteLength + 1);
    longer.set(frame);
    t.is(decode(longer, crc32), null, `the ${name} and a byte`);
  }
});

test('a frame shorter than its head is none, even with the right checksum', (t) => {
  for (const [name, frame, decode] of FRAMES) {
    // Only the leader of a response may be absent altogether: 5 bytes say nothing and are sound.
    const head = name === 'request' ? 9 : 5;
    for (let length = 4; length < head; length++) {
      const short = frame.slice(0, length);
      new DataView(short.buffer).setUint32(0, crc32(short.subarray(4)), true);
      t.is(decode(short, crc32), null, `${length} bytes of the ${name}`);
    }
  }
});

test('bytes at random are no frame', (t) => {
  always(
    t,
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => decodeRequest(bytes, crc32) === null && decodeResponse(bytes, crc32) === null,
    ),
    1000,
  );
});
