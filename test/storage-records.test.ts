/**
 * Shows that what storages write as one record, units of changes and snapshots, reads back as it
 * was and is never taken for whole when it is not; and what may be kept of a disk with damage.
 *
 *     npx ava test/storage-records.test.ts
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { decodeUnit, encodeUnit, unitBytes } from '../src/storage/records.ts';
import { type FoundUnit, unitsToKeep } from '../src/storage/recovery.ts';
import { decodeSnapshot, encodeSnapshot } from '../src/storage/snapshot-record.ts';
import { StorageError } from '../src/storage/storage.ts';
import { command, EMPTY, entries, NOTHING, pattern, snapshotAt, vote } from './support/changes.ts';
import { always } from './support/property.ts';
import { sketch, unitOf } from './support/storages.ts';

// ---- What may be kept of a disk -----------------------------------------------------------------

const DISK_NAME = 'disk of n3';

/** A unit a letter: `+` intact, `-` damaged, `?` one that is not next in order. */
function found(units: string, folded: number): FoundUnit[] {
  return [...units].map((letter, i) => ({
    sequence: folded + (letter === '?' ? i + 2 : i + 1),
    intact: letter !== '-',
  }));
}

const KEPT: readonly (readonly [units: string, acknowledged: number, kept: number | null])[] = [
  ['', 0, 0],
  ['++', 2, 2],
  // Never reported, and there: kept. Cut off at the first that is not.
  ['+++', 2, 3],
  ['++-', 2, 2],
  ['++-+', 2, 2],
  ['++?', 2, 2],
  ['-', 0, 0],
  ['-++', 0, 0],
  // Reported, and not there: refused.
  ['', 1, null],
  ['+', 2, null],
  ['+-', 2, null],
  ['-+', 1, null],
  ['-+', 2, null],
  ['?+', 1, null],
  ['+-+', 3, null],
];

for (const [units, acknowledged, kept] of KEPT) {
  const what = kept === null ? 'the start is refused' : `${kept} are kept`;
  test(`of units "${units}", ${acknowledged} of them acknowledged, ${what}`, (t) => {
    // The rule is the same behind a checkpoint.
    for (const folded of [0, 7]) {
      const judge = (): number =>
        unitsToKeep(found(units, folded), folded + acknowledged, DISK_NAME, folded);
      if (kept !== null) {
        t.is(judge(), folded + kept);
        continue;
      }
      const error = t.throws(judge, { instanceOf: StorageError });
      const lost = folded + units.length - units.replace(/^\++/, '').length + 1;
      t.true(error?.message.startsWith(`${DISK_NAME}: record ${lost} is damaged or missing`));
      t.regex(error?.message ?? '', /remove it from the cluster.*join again under a new name$/);
    }
  });
}

// ---- Units as bytes -----------------------------------------------------------------------------

const unitOfChanges = fc
  .tuple(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), fc.array(sketch, { maxLength: 4 }))
  .map(([sequence, parts]) => ({ sequence, changes: unitOf(parts, EMPTY)[0] }));

/** One of everything, so that a bit of every field is flipped. */
const EVERYTHING = {
  sequence: 7,
  changes: [
    vote(3, 'n2'),
    { ...vote(4, null), truncateFrom: 2, compactTo: { index: 1, term: 1 } },
    entries({ index: 2, term: 4, kind: 'noop' }, command(3, 4, 'put x'), {
      index: 4,
      term: 4,
      kind: 'configuration',
      configuration: { voters: ['n1', 'n2'], outgoing: ['n3'], learners: [] },
    }),
    NOTHING,
  ],
};

const SNAPSHOT = { meta: snapshotAt(7, 3), data: pattern(100, 1) };

test('records: a unit reads back as it was written, and is as long as was said', (t) => {
  always(
    t,
    fc.property(unitOfChanges, (unit) => {
      const bytes = encodeUnit(unit, crc32);
      return (
        bytes.byteLength === unitBytes(unit.changes) &&
        isDeepStrictEqual(decodeUnit(bytes, crc32), unit)
      );
    }),
    200,
  );
});

test('records: a compaction is told apart from none, whatever it is to', (t) => {
  for (const compactTo of [
    null,
    { index: 0, term: 0 },
    { index: 1, term: Number.MAX_SAFE_INTEGER },
    { index: Number.MAX_SAFE_INTEGER, term: 1 },
  ]) {
    const unit = { sequence: 1, changes: [{ ...NOTHING, compactTo }] };
    t.deepEqual(decodeUnit(encodeUnit(unit, crc32), crc32), unit);
  }
});

test('records: a snapshot reads back as it was written', (t) => {
  for (const bytes of [0, 1, 100, 70_000]) {
    const snapshot = { meta: snapshotAt(bytes + 1, 2), data: pattern(bytes, 2) };
    t.deepEqual(decodeSnapshot(encodeSnapshot(snapshot, crc32), crc32), snapshot);
  }
});

for (const [what, bytes, decode] of [
  ['units', encodeUnit(EVERYTHING, crc32), (of: Uint8Array) => decodeUnit(of, crc32)],
  ['snapshots', encodeSnapshot(SNAPSHOT, crc32), (of: Uint8Array) => decodeSnapshot(of, crc32)],
] as const) {
  test(`records: every flipped bit is found, in ${what}`, (t) => {
    t.deepEqual(decode(bytes), what === 'units' ? EVERYTHING : SNAPSHOT);
    const missed: number[] = [];
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      if (decode(damaged) !== null) missed.push(bit);
    }
    t.deepEqual(missed, []);
  });

  test(`records: every truncation is found, and every byte too many, in ${what}`, (t) => {
    const missed: number[] = [];
    for (let length = 0; length < bytes.byteLength; length++) {
      if (decode(bytes.subarray(0, length)) !== null) missed.push(length);
    }
    t.deepEqual(missed, []);
    t.is(decode(new Uint8Array([...bytes, 0])), null);
  });
}
