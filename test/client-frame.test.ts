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
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Request,
  type Response,
} from '../src/transport/client-frame.ts';
import { always } from './support/property.ts';
import { batchOf, by, encodeResults, operation } from './support/records.ts';

/** Strict equality looks at prototypes too: records are to be plain objects. */
const PLAIN = { noNullPrototype: true } as const;

const content = fc.uint8Array({ maxLength: 400 });
const request: fc.Arbitrary<Request> = fc.record(
  {
    kind: fc.constantFrom('write', 'read'),
    count: fc.integer({ min: 0, max: 0xffff_ffff }),
    batch: content,
  },
  PLAIN,
);
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
